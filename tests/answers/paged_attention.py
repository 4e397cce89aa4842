"""Answers to the exercises of the page on PagedAttention."""

RIGHT = {
    "find_the_rows": [
        """
        def read_rows(pages, table, T):
            b = pages.shape[1]
            t = np.arange(T)
            return pages[np.asarray(table)[t // b], t % b]
        """,
        """
        def read_rows(pages, table, T):
            n, b, D = pages.shape
            return np.concatenate([pages[page] for page in table])[:T]
        """,
        """
        def read_rows(pages, table, T):
            b, rows = pages.shape[1], []
            for page in table:
                for slot in range(b):
                    if len(rows) < T:
                        rows.append(pages[page][slot])
            return rows
        """,
    ],
    "find_the_beginning": [
        """
        def find_prefix(tokens, b, index, hash_of):
            pages, parent, end = [], "", b
            while end < len(tokens):
                parent = hash_of(parent, tokens[end - b : end])
                page = index.get(parent)
                if page is None:
                    return pages
                pages.append(page)
                end += b
            return pages
        """,
        """
        def find_prefix(tokens, b, index, hash_of):
            hashes = []
            for i in range(len(tokens) // b):
                hashes.append(hash_of(hashes[-1] if hashes else "", tokens[i * b : i * b + b]))
            known = 0
            while known < len(hashes) and hashes[known] in index:
                known += 1
            known = min(known, (len(tokens) - 1) // b)
            return np.array([index[h] for h in hashes[:known]], int)
        """,
    ],
    "give_the_pages_back": [
        """
        def give_back(table, users, queue):
            for i in range(len(table) - 1, -1, -1):
                page = table[i]
                if users[page] < 1:
                    raise ValueError("free already")
                users[page] = users[page] - 1
                if not users[page]:
                    queue.append(page)
            return queue
        """,
        """
        def give_back(table, users, queue):
            if any(users[page] == 0 for page in table):
                raise ValueError("a page is free already")
            for page in table:
                users[page] -= 1
            queue += [page for page in table[::-1] if users[page] == 0]
            return queue
        """,
    ],
}

WRONG = {
    "find_the_rows": {
        "the identity for a table": """
            def read_rows(pages, table, T):
                return pages.reshape(-1, pages.shape[2])[:T]
        """,
        "the table by the slot": """
            def read_rows(pages, table, T):
                b = pages.shape[1]
                return np.array([pages[table[t % b % len(table)], t % b] for t in range(T)])
        """,
        "floor: the page that is not full is lost": """
            def read_rows(pages, table, T):
                b = pages.shape[1]
                return np.concatenate([pages[page] for page in table[: T // b]] or [pages[0][:0]])
        """,
        "whole pages, with what others left": """
            def read_rows(pages, table, T):
                b = pages.shape[1]
                return np.concatenate([pages[page] for page in table[: -(-T // b)]])
        """,
        "one page more, always": """
            def read_rows(pages, table, T):
                b = pages.shape[1]
                return np.concatenate([pages[page] for page in table[: T // b + 1]])
        """,
        "the whole table": """
            def read_rows(pages, table, T):
                return np.concatenate([pages[page] for page in table])
        """,
        "the table sorted": """
            def read_rows(pages, table, T):
                return np.concatenate([pages[page] for page in sorted(table)])[:T]
        """,
        "the last rows for the first": """
            def read_rows(pages, table, T):
                return np.concatenate([pages[page] for page in table])[-T:]
        """,
        "tokens counted from 1": """
            def read_rows(pages, table, T):
                b = pages.shape[1]
                rows = [pages[table[min(t // b, len(table) - 1)], t % b] for t in range(1, T + 1)]
                return np.array(rows)
        """,
        "pages of four": """
            def read_rows(pages, table, T):
                return np.array([pages[table[t // 4], t % 4 % pages.shape[1]] for t in range(T)])
        """,
    },
    "find_the_beginning": {
        "a hash without what stands before": """
            def find_prefix(tokens, b, index, hash_of):
                pages = []
                for start in range(0, (len(tokens) - 1) // b * b, b):
                    h = hash_of("", tokens[start : start + b])
                    if h not in index:
                        break
                    pages.append(index[h])
                return pages
        """,
        "goes on after the first that is missing": """
            def find_prefix(tokens, b, index, hash_of):
                pages, parent = [], ""
                for start in range(0, (len(tokens) - 1) // b * b, b):
                    parent = hash_of(parent, tokens[start : start + b])
                    if parent in index:
                        pages.append(index[parent])
                return pages
        """,
        "nothing is left to compute": """
            def find_prefix(tokens, b, index, hash_of):
                pages, parent = [], ""
                for start in range(0, len(tokens) // b * b, b):
                    parent = hash_of(parent, tokens[start : start + b])
                    if parent not in index:
                        break
                    pages.append(index[parent])
                return pages
        """,
        "a page that is not full": """
            def find_prefix(tokens, b, index, hash_of):
                pages, parent = [], ""
                for start in range(0, len(tokens), b):
                    parent = hash_of(parent, tokens[start : start + b])
                    if parent not in index or len(tokens) - start == b:
                        break
                    pages.append(index[parent])
                return pages
        """,
        "the whole prompt back by one page, always": """
            def find_prefix(tokens, b, index, hash_of):
                pages, parent = [], ""
                for start in range(0, (len(tokens) // b - 1) * b, b):
                    parent = hash_of(parent, tokens[start : start + b])
                    if parent not in index:
                        break
                    pages.append(index[parent])
                return pages
        """,
        "the number of pages, not the pages": """
            def find_prefix(tokens, b, index, hash_of):
                pages, parent = [], ""
                for start in range(0, (len(tokens) - 1) // b * b, b):
                    parent = hash_of(parent, tokens[start : start + b])
                    if parent not in index:
                        break
                    pages.append(start // b)
                return pages
        """,
        "leaves a page's last token out of its hash": """
            def find_prefix(tokens, b, index, hash_of):
                pages, parent = [], ""
                for start in range(0, (len(tokens) - 1) // b * b, b):
                    parent = hash_of(parent, tokens[start : start + b - 1])
                    if parent not in index:
                        break
                    pages.append(index[parent])
                return pages
        """,
        "the first page only": """
            def find_prefix(tokens, b, index, hash_of):
                h = hash_of("", tokens[:b])
                return [index[h]] if len(tokens) > b and h in index else []
        """,
        "all that memory holds": """
            def find_prefix(tokens, b, index, hash_of):
                return list(index.values())[: (len(tokens) - 1) // b]
        """,
    },
    "give_the_pages_back": {
        "frees what others still use": """
            def give_back(table, users, queue):
                for page in reversed(table):
                    if users[page] == 0:
                        raise ValueError("free already")
                    users[page] = 0
                    queue.append(page)
                return queue
        """,
        "counts down and queues all the same": """
            def give_back(table, users, queue):
                for page in reversed(table):
                    if users[page] == 0:
                        raise ValueError("free already")
                    users[page] -= 1
                    queue.append(page)
                return queue
        """,
        "gives back twice": """
            def give_back(table, users, queue):
                for page in reversed(table):
                    users[page] -= 1
                    if users[page] <= 0:
                        queue.append(page)
                return queue
        """,
        "first page first": """
            def give_back(table, users, queue):
                for page in table:
                    if users[page] == 0:
                        raise ValueError("free already")
                    users[page] -= 1
                    if users[page] == 0:
                        queue.append(page)
                return queue
        """,
        "to the queue's head": """
            def give_back(table, users, queue):
                for page in table:
                    if users[page] == 0:
                        raise ValueError("free already")
                    users[page] -= 1
                    if users[page] == 0:
                        queue.insert(0, page)
                return queue
        """,
        "a new queue": """
            def give_back(table, users, queue):
                if min(users[page] for page in table) == 0:
                    raise ValueError("free already")
                for page in table:
                    users[page] -= 1
                return queue + [page for page in reversed(table) if users[page] == 0]
        """,
        "forgets to count down": """
            def give_back(table, users, queue):
                for page in reversed(table):
                    if users[page] == 0:
                        raise ValueError("free already")
                    if users[page] == 1:
                        queue.append(page)
                return queue
        """,
        "skips a page that is free": """
            def give_back(table, users, queue):
                for page in reversed(table):
                    if users[page] > 0:
                        users[page] -= 1
                        if users[page] == 0:
                            queue.append(page)
                return queue
        """,
    },
}
