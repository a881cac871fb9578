// Answers of models as they come; the page itself shows what is whole.
const answers = new Map();

export function listenToAnswers(source) {
  source.addEventListener("call.delta", (event) => take(JSON.parse(event.data)));
  source.addEventListener("step.recorded", (event) => {
    const record = JSON.parse(event.data);
    end(record.stepId, record.name);
  });
  for (const over of ["step.completed", "step.failed", "attempt.failed"]) {
    source.addEventListener(over, (event) => end(JSON.parse(event.data).stepId));
  }
}

function take(delta) {
  const place = document.getElementById("answering");
  if (!place) return;
  const key = JSON.stringify([delta.stepId, delta.name]);
  const shown = answers.get(key) ?? answer(place, delta, key);
  // A piece that was lost leaves a gap; an answer that is sent again starts over.
  if (delta.at === 0) shown.text.textContent = "";
  else if (delta.at > shown.length) shown.text.textContent += " … ";
  shown.text.textContent += delta.text;
  shown.length = delta.at + delta.text.length;
  place.hidden = false;
}

function answer(place, delta, key) {
  const box = document.createElement("div");
  const title = document.createElement("p");
  title.className = "facts";
  for (const part of [delta.stepId, delta.name]) {
    const said = document.createElement("span");
    said.textContent = part;
    title.append(said);
  }
  const text = document.createElement("pre");
  box.className = "said";
  box.append(title, text);
  place.append(box);
  const shown = { box, text, length: 0 };
  answers.set(key, shown);
  return shown;
}

function end(stepId, name) {
  for (const [key, shown] of answers) {
    const [step, answerName] = JSON.parse(key);
    if (step !== stepId || (name !== undefined && name !== answerName)) continue;
    shown.box.remove();
    answers.delete(key);
  }
  const place = document.getElementById("answering");
  if (place) place.hidden = answers.size === 0;
}
