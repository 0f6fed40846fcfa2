const ORDER = ["system", "light", "dark"] as const;
const YEAR_S = 31_536_000;

/** Switch between the system's theme, light and dark. The server reads the cookie, so no page flashes. */
export function startTheme(): void {
  document.addEventListener("click", (event) => {
    if ((event.target as Element).closest("[data-theme-switch]")) switchTheme();
  });
}

export function switchTheme(): void {
  const root = document.documentElement;
  const current = (root.dataset.theme ?? "system") as (typeof ORDER)[number];
  const next = ORDER[(ORDER.indexOf(current) + 1) % ORDER.length]!;
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  const age = next === "system" ? 0 : YEAR_S;
  document.cookie = `theme=${next}; path=/; max-age=${age}; samesite=lax`;
}
