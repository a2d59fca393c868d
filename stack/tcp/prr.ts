// Proportional Rate Reduction (RFC 9937): during a fast recovery with SACK, how much may be in flight after each
// ACK, so that the window comes down to ssthresh over one round trip, without a pause and without a burst. The
// congestion controller has set ssthresh already and keeps cwnd there, which is where a recovery ends (section 6.2).

export class Prr {
  /** What RFC 9937 calls cwnd during recovery: octets that may be in flight. */
  window = 0;
  #delivered = 0;
  #out = 0;
  #recoverFs = 1;

  /**
   * A recovery begins. `unknown`: octets in flight that were not known to have arrived before the ACK that began
   * it (RecoverFS of section 6.2).
   */
  begin(unknown: number, inFlight: number): void {
    this.#delivered = 0;
    this.#out = 0;
    this.#recoverFs = Math.max(1, unknown);
    this.window = inFlight;
  }

  /**
   * An ACK during recovery, the one that began it included. `safe`: SND.UNA advances and no further loss was found,
   * so one segment more than was delivered may leave (PRR-SSRB); otherwise not (PRR-CRB).
   */
  onAck(delivered: number, inFlight: number, ssthresh: number, safe: boolean, mss: number): void {
    if (delivered <= 0) return;
    this.#delivered += delivered;
    let count: number;
    if (inFlight > ssthresh) {
      count = Math.ceil((this.#delivered * ssthresh) / this.#recoverFs) - this.#out;
    } else {
      const limit = Math.max(this.#delivered - this.#out, delivered) + (safe ? mss : 0);
      count = Math.min(ssthresh - inFlight, limit);
    }
    // The first retransmission leaves in any case.
    if (this.#out === 0 && count <= 0) count = mss;
    this.window = inFlight + Math.max(0, count);
  }

  /** Octets were sent, new ones or again. */
  onSent(length: number): void {
    this.#out += length;
  }
}
