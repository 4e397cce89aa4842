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
      .replace(/<annotation .*?<\/annotation>/s, ""), // the source once more: 0.8 kB a page that nobody is shown
  views: ({ views }) => viewsHtml(views),
};

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
