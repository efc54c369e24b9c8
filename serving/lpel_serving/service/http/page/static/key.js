// The key of a server that has one: asked for, held in memory, gone with the page.

import { useKey } from "./api.js";
import { $ } from "./elements.js";
import { say } from "./status.js";

let tried = false;

/** Ask for the key, and go on with it. */
export function askForKey(goOn) {
  say(tried ? "That is not its key." : "This server wants its key.");
  const form = $("key-form");
  form.hidden = false;
  form.onsubmit = async (event) => {
    event.preventDefault();
    useKey($("key").value);
    $("key").value = "";
    form.hidden = true;
    tried = true;
    await goOn();
    tried = !form.hidden; // it was asked for again
  };
  $("key").focus();
}
