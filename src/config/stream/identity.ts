/** Who a client of the config stream is, as its token says. */

/** What a projected service account token says, after all checks. */
export interface TokenIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly podUid: string;
  /** "" when the API server does not say (before Kubernetes 1.32). */
  readonly nodeName: string;
}

/** A pod that is connected, and the plane whose configuration it may see. */
export interface PodIdentity extends TokenIdentity {
  readonly plane: string;
}
