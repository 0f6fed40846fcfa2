export interface Problem {
  path: string;
  message: string;
}

export interface Execution {
  id: string;
  workflowId: string;
  workflowName: string;
  status: "queued" | "running" | "waiting" | "canceling" | "success" | "failed" | "canceled";
  duration: number | null;
  stepsExecuted: number;
  stepsResolved: number;
  totalSteps: number;
  aiTokensUsed: number;
  apiCallsMade: number;
  error?: { message: string; step?: string; code: string };
}

/** What the API answered instead of a result: what to do about it, and every problem with its path. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly problems: Problem[],
  ) {
    super(detail);
  }
}

/** JSON text that is sent as it was typed: JSON.parse would round integers beyond 2^53. */
export class RawJson {
  private constructor(readonly text: string) {}

  /** Throws SyntaxError for what is no JSON. */
  static of(text: string): RawJson {
    JSON.parse(text);
    return new RawJson(text);
  }

  /** An object of these fields; those that are undefined are left out. */
  static object(fields: Record<string, unknown>): RawJson {
    const parts = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${JSON.stringify(key)}:${value instanceof RawJson ? value.text : JSON.stringify(value)}`);
    return new RawJson(`{${parts.join(",")}}`);
  }
}

/** Call the API with the session's cookie and CSRF value. Throws ApiError; status 0 when the server is out of reach. */
export async function call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  return JSON.parse((await send(method, path, body, headers)) || "{}") as T;
}

/** Read something as the JSON text that the API answers: JSON.parse would round integers beyond 2^53. Throws ApiError. */
export function text(path: string): Promise<string> {
  return send("GET", path, undefined, {});
}

async function send(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<string> {
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
  const sent: Record<string, string> = { Accept: "application/json", "X-CSRF-Token": token, ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  if (method === "POST") sent["Idempotency-Key"] = randomKey();
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, { method, headers: sent, body: body === undefined ? null : body instanceof RawJson ? body.text : JSON.stringify(body) });
  } catch {
    throw new ApiError(0, "The server does not answer. Check the connection and try again.", []);
  }
  const answered = await response.text().catch(() => "");
  if (response.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  if (!response.ok) throw refusal(response.status, answered);
  return answered;
}

function refusal(status: number, answered: string): ApiError {
  let problem: { detail?: string; errors?: Problem[] } = {};
  try {
    problem = JSON.parse(answered) as typeof problem;
  } catch {
    // A proxy in between answered: the status has to do.
  }
  return new ApiError(status, problem.detail ?? `The server answered ${status}.`, problem.errors ?? []);
}

export function isOver(execution: Execution): boolean {
  return execution.status === "success" || execution.status === "failed" || execution.status === "canceled";
}

function randomKey(): string {
  // crypto.randomUUID exists only under HTTPS; this works everywhere.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
