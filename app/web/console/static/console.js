// What every page does; each part is a module of its own.
import { startBulk } from "./bulk.js";
import { startEditor } from "./editor.js";
import { startForms } from "./forms.js";
import { startLive } from "./live.js";
import { startPictures } from "./picture.js";
import { showTimes, startMoments } from "./times.js";

showTimes(document);
startForms();
startMoments();
startBulk();
startPictures(document);
startEditor();
startLive();
