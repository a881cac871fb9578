// What every page does; each part is a module of its own.
import { startBulk } from "./bulk.js";
import { startNews } from "./news.js";
import { startFolds } from "./fold.js";
import { startFind } from "./find.js";
import { startEditor } from "./editor.js";
import { startInbox } from "./inbox.js";
import { startForms } from "./forms.js";
import { startLive } from "./live.js";
import { startPasskeys } from "./passkeys.js";
import { startPictures } from "./picture.js";
import { startSelecting } from "./select.js";
import { startTaps } from "./taps.js";
import { startTimes, startMoments } from "./times.js";

startTimes();
startTaps();
startFind();
startFolds();
startForms();
startInbox();
startPasskeys();
startNews();
startMoments();
startBulk();
startPictures(document);
startEditor();
startLive();
startSelecting();
