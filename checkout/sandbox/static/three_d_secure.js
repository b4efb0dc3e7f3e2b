// Closing the shop's dialog is an answer too: the authentication fails.
const host = new URLSearchParams(location.search).get("host");
const fail = () => document.querySelector("button[value=fail]").click();

window.addEventListener("message", (event) => {
  if (event.source === window.parent && event.origin === host && event.data?.sandbox === "cancel") fail();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && window.parent !== window) fail();
});

document.querySelector("button[value=complete]").focus();
