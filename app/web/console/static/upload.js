// Forms with files are sent with a word about how far it is: on a slow connection that takes minutes.
export function upload(method, address, headers, body, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => { if (total) onProgress(loaded, total); });
    request.addEventListener("load", () => resolve(answerOf(request)));
    for (const name of ["error", "abort", "timeout"]) request.addEventListener(name, () => reject(new TypeError(name)));
    request.send(body);
  });
}

function answerOf(request) {
  const headers = new Headers();
  const wait = request.getResponseHeader("retry-after");
  if (wait) headers.set("retry-after", wait);
  const { status } = request;
  return new Response([204, 205, 304].includes(status) ? null : request.responseText, { status, headers });
}
