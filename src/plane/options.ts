/** Options of every service that carries a Gateway's listeners. */
export const PLANE_OPTIONS = {
  bind: {
    type: "list",
    default: ["127.0.0.1", "::1"],
    shared: true,
    help: "IP addresses at which listeners are opened that name no addresses of their own.",
  },
} as const;
