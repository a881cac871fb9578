// What every page does; each part is a module of its own.
import { startEditor } from "./editor.js";
import { startForms } from "./forms.js";
import { startLive } from "./live.js";
import { startPictures } from "./picture.js";
import { showTimes } from "./times.js";

showTimes(document);
startForms();
startPictures(document);
startEditor();
startLive();
