// The time that is left: 1:05, 2 h 03 min 09 s, 3 days 4 h.
const two = (n) => String(n).padStart(2, "0");

export function left(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const [days, hours, minutes] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (days > 1) return `${days} days ${hours} h`;
  if (s >= 3600) return `${days * 24 + hours} h ${two(minutes)} min ${two(s % 60)} s`;
  return `${minutes}:${two(s % 60)}`;
}
