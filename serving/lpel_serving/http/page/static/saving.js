// Saving an explanation as files.

import { html } from "./elements.js";

/** Hand a file to whoever asked for it. */
export function save(blob, name) {
  const link = html("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export function saveJson(value, name) {
  save(new Blob([JSON.stringify(value, null, 1)], { type: "application/json" }), name);
}
