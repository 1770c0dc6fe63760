// The page of one run or several, opened from disk or served. Its figures stand in panels.js.

import { explore } from "./explore.js";

explore(document.body, JSON.parse(document.getElementById("facts")?.textContent ?? "[]"), { isPage: true });
