// A Python editor (CodeMirror 6), loaded when a reader first edits. Knows neither Python nor what the code is for.
import { defaultKeymap, history, historyKeymap, indentMore, indentLess } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, WidgetType, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const ink = (name) => `var(--ink-${name})`;
const HIGHLIGHT = HighlightStyle.define([
  { tag: tags.keyword, color: ink("output") },
  { tag: [tags.string, tags.docString], color: ink("value") },
  { tag: tags.comment, color: ink("reference"), fontStyle: "italic" },
  { tag: [tags.number, tags.bool, tags.null], color: ink("key") },
  { tag: [tags.function(tags.definition(tags.variableName)), tags.definition(tags.className)], color: ink("query") },
]);

const LOOK = EditorView.theme({
  "&": { backgroundColor: "var(--surface-2)", color: "var(--text)", fontSize: "0.875rem", borderRadius: "6px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)", padding: "0.9rem 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--text-muted)", border: "none" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent) 7%, transparent)" },
  "&.cm-focused": { outline: "3px solid var(--accent)", outlineOffset: "2px" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 25%, transparent) !important",
  },
});

// ---- the error beside its line

const setProblem = StateEffect.define();

class Message extends WidgetType {
  constructor(text) {
    super();
    this.text = text;
  }
  eq(other) {
    return other.text === this.text;
  }
  toDOM() {
    const span = document.createElement("span");
    span.className = "code-problem";
    span.textContent = `← ${this.text}`;
    return span;
  }
}

const problems = StateField.define({
  create: () => Decoration.none,
  update(shown, transaction) {
    for (const effect of transaction.effects) if (effect.is(setProblem)) return mark(transaction.state, effect.value);
    return transaction.docChanged ? Decoration.none : shown; // what was said of the old text no longer holds
  },
  provide: (field) => EditorView.decorations.from(field),
});

function mark(state, problem) {
  if (!problem || problem.line < 1 || problem.line > state.doc.lines) return Decoration.none;
  const line = state.doc.line(problem.line);
  return Decoration.set([
    Decoration.line({ class: "code-problem-line" }).range(line.from),
    Decoration.widget({ widget: new Message(problem.message), side: 1 }).range(line.to),
  ]);
}

/** Open an editor in a node. Ctrl-Enter (Cmd-Enter) and Shift-Enter run; Tab leaves it, Ctrl-] and Ctrl-[ indent. */
export function openEditor(parent, { code, label, onRun, onChange }) {
  const run = () => (onRun(), true);
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: code,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        indentUnit.of("    "),
        indentOnInput(),
        bracketMatching(),
        python(),
        syntaxHighlighting(HIGHLIGHT),
        problems,
        LOOK,
        keymap.of([
          { key: "Mod-Enter", run },
          { key: "Shift-Enter", run },
          { key: "Mod-]", run: indentMore },
          { key: "Mod-[", run: indentLess },
          ...defaultKeymap.filter(({ key }) => key !== "Mod-Enter"),
          ...historyKeymap,
        ]),
        EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", autocapitalize: "off" }),
        EditorView.updateListener.of((update) => update.docChanged && onChange()),
      ],
    }),
  });
  return {
    focus: () => view.focus(),
    get code() {
      return view.state.doc.toString();
    },
    set code(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    /** Show {line, message} beside the line; null takes it away. */
    problem: (problem) => view.dispatch({ effects: setProblem.of(problem) }),
  };
}
