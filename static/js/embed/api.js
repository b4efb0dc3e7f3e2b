// The shop's API with bearer tokens and no cookie; an order is sent until it is answered.
export class Away extends Error {}

class Refused extends Error {
  constructor(problem, again) {
    super(problem.detail);
    Object.assign(this, { problem, again });
  }
}

const PATIENCE = 10_000; // ms for one answer
const LONGEST_WAIT = 20; // between two tries
const WORTH_WAITING = 60; // a longer Retry-After is said to the fan

export class Api {
  constructor(shop) {
    this.root = `${shop}/api/v1`;
  }

  async ask(method, path, { body, token, key } = {}) {
    const headers = {};
    if (body) headers["Content-Type"] = "application/json";
    if (token) headers.Authorization = `Bearer ${token}`;
    if (key) headers["Idempotency-Key"] = key;
    const asked = { method, headers, body: JSON.stringify(body), credentials: "omit", signal: AbortSignal.timeout(PATIENCE) };
    let answer, told;
    try {
      answer = await fetch(this.root + path, asked);
      told = answer.status === 204 ? null : await answer.json();
    } catch (error) {
      throw new Away(error.message);
    }
    if (!answer.ok) throw new Refused(told, Number(answer.headers.get("Retry-After")));
    return told;
  }

  // The same request under the same key until there is an answer: harmless, however often it arrives.
  async untilAnswered(request, waiting) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await request();
      } catch (error) {
        const later = error instanceof Away || [429, 503].includes(error.problem?.status);
        if (!later || error.again > WORTH_WAITING) throw error;
        waiting();
        await rest(error.again || Math.min(LONGEST_WAIT, 2 ** tries) * (0.5 + Math.random() / 2));
      }
    }
  }
}

// Some seconds, or until the network is back.
function rest(seconds) {
  return new Promise((done) => {
    setTimeout(done, seconds * 1000);
    addEventListener("online", done, { once: true });
  });
}

// What a reload must not lose: the tokens, for this tab. No name, no address, no card.
export class Memory {
  constructor(name) {
    this.name = `frontrow:${name}`;
  }

  get tokens() {
    try {
      return JSON.parse(sessionStorage.getItem(this.name)) ?? {};
    } catch {
      return {}; // a page that may keep nothing
    }
  }

  keep(tokens) {
    try {
      sessionStorage.setItem(this.name, JSON.stringify(tokens));
    } catch {
      // then a reload begins anew
    }
  }
}
