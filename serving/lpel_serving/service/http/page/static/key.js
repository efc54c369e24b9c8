// The API key: requested if the server needs one, and held in memory alone.

import { useKey } from "./api.js";
import { $ } from "./elements.js";
import { say } from "./status.js";

let tried = false;

/** Request the key, then continue with it. */
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
