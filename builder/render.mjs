// Renders mathematics and views to HTML for builder/node.py: JSON requests on stdin, JSON answers on stdout.
import katex from "katex";
import { viewsHtml } from "../templates/static/js/demo/views.js";

const tasks = {
  // \ink{query}{q} colours a symbol: the class carries the theme's colour
  math: ({ tex, display }) =>
    katex
      .renderToString(tex, {
        displayMode: display,
        throwOnError: true,
        strict: (code) => (code === "htmlExtension" ? "ignore" : "error"), // \htmlClass is meant
        macros: { "\\ink": "\\htmlClass{ink-#1}{#2}" },
        trust: ({ command }) => command === "\\htmlClass",
      })
      .replace(/<annotation .*?<\/annotation>/s, "") // read aloud and searched as text; what is copied stands in data-tex
      .replace('<span class="katex"', (tag) => `${tag} data-tex="${attribute(fenced(tex, display))}"`),
  views: ({ views }) => viewsHtml(views),
};

// TeX for other places, which know no \ink: \ink{query}{q} is {q}.
function fenced(tex, display) {
  const fence = display ? "$$" : "$";
  return `${fence}${tex.replace(/\\ink\s*\{[^{}]*\}/g, "").trim()}${fence}`;
}

const attribute = (text) => text.replace(/[&"<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function answer(request) {
  try {
    return { html: tasks[request.do](request) };
  } catch (error) {
    return { error: error.message };
  }
}

let input = "";
for await (const chunk of process.stdin) input += chunk;
process.stdout.write(JSON.stringify(JSON.parse(input).map(answer)));
