// How long an attempt may wait for its upstream, by what is at stake and by what else is left.
// Pure: the clock is handed in.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "proxy/base/clock.h"

namespace sallyport::relay {

/// The deadlines of one attempt at one upstream. Until the final dot nothing was handed over, so
/// an upstream that does not answer is worth seconds where another one can take the message. After
/// the final dot only this upstream knows what became of it: RFC 5321 section 4.5.3.2.6 asks for
/// ten minutes.
struct Deadlines {
  /// One deadline for all: of an attempt without an alternative.
  Deadlines(
      TimePoint deadline)  // NOLINT(google-explicit-constructor): a deadline is the usual case
      : overall(deadline), handover(deadline) {}

  /// The deadlines at `now` of an attempt within `deadline`, when `others` upstreams of the route
  /// are left to ask after this one. `troubled`: its last attempts failed, so this one is a probe.
  static Deadlines shared(TimePoint now, TimePoint deadline, std::size_t others, bool troubled) {
    Deadlines deadlines(deadline);
    if (others == 0 || deadline <= now) return deadlines;
    const Duration share = (deadline - now) / static_cast<Duration::rep>(others + 1);
    deadlines.handover = now + std::min<Duration>(share, kMostHandover);
    deadlines.opening = troubled ? kProbe : kOpening;
    deadlines.reused_silence = kReusedSilenceWithOthers;
    return deadlines;
  }

  /// Until when to wait from `now` on for a connection, or a turn of the upstream's pace.
  TimePoint waiting_ends(TimePoint now) const { return earlier(handover, now, waiting); }
  /// When a connection that is opened from `now` on must be ready for MAIL.
  TimePoint opening_ends(TimePoint now) const { return earlier(handover, now, opening); }
  /// When the reply that an upstream owes from `now` on, before the content, must be there. `usual`
  /// is what RFC 5321 section 4.5.3.2 gives it.
  TimePoint reply_ends(TimePoint now, Duration usual) const {
    return earlier(handover, now, usual);
  }
  /// The same for the first reply on a connection that was used before: one that has died without a
  /// word (a NAT that forgot it, a stopped server) looks like one that is slow. What was asked can
  /// be asked again on a new connection.
  TimePoint first_reply_on_reused_ends(TimePoint now) const {
    return earlier(handover, now, reused_silence);
  }
  /// The same for what comes from the first octet of content on.
  TimePoint content_ends(TimePoint now, Duration usual) const {
    return earlier(overall, now, usual);
  }

  TimePoint overall;                   ///< Of the delivery: content, and the reply to its end.
  TimePoint handover;                  ///< Of all before: connection, MAIL, RCPT, DATA.
  Duration waiting = Duration::max();  ///< For a connection, or a turn.
  Duration opening = Duration::max();  ///< Of a new connection; `connect_timeout` holds, too.
  Duration reused_silence = kReusedSilence;  ///< Of the first reply on a reused connection.

 private:
  static constexpr Duration kMostHandover = std::chrono::seconds(30);
  // Eight round trips of a second, or a server that takes its time before its greeting.
  static constexpr Duration kOpening = std::chrono::seconds(8);
  static constexpr Duration kProbe = std::chrono::seconds(3);
  static constexpr Duration kReusedSilence = std::chrono::seconds(10);
  static constexpr Duration kReusedSilenceWithOthers = std::chrono::seconds(5);

  static TimePoint earlier(TimePoint bound, TimePoint now, Duration span) {
    return bound - now <= span ? bound : now + span;
  }
};

}  // namespace sallyport::relay
