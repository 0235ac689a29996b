// Which groups keys are exchanged in, and what becomes of a ClientHello that is too large for its
// way.
#pragma once

#include <cstdint>

#include "proxy/base/clock.h"
#include "proxy/net/boringssl.h"

namespace sallyport::net {

/// Does this BoringSSL know X25519MLKEM768, which keeps recorded connections safe from quantum
/// computers (draft-ietf-tls-ecdhe-mlkem)?
bool has_hybrid_group();

/// All groups we take, X25519MLKEM768 first where the library has it. False only when memory ran
/// out.
bool set_groups(SSL_CTX& context);
/// The same without X25519MLKEM768, for one connection: its key share makes a ClientHello 1.2 kB
/// longer, which then needs two segments.
bool set_classic_groups(SSL& connection);

/// Whether a ClientHello with a hybrid key share reaches a host. Some servers and middleboxes drop
/// one that does not fit into a segment. After one that got no answer the next one is small; if
/// that one is answered, so are those of the next hour. Belongs to one upstream of one worker.
class HelloSize {
 public:
  /// May the ClientHello that is sent now be large?
  bool may_be_large(TimePoint now) const;
  /// What became of one: whether the server said anything at all.
  void learn(bool large, bool answered, TimePoint now);
  /// Was the last one large and not answered? Then a small one is worth a try at once.
  bool should_try_small() const { return state_ == State::kTrySmall; }

 private:
  enum class State : std::uint8_t { kLarge, kTrySmall, kSmall };

  State state_ = State::kLarge;
  TimePoint small_until_{};
};

}  // namespace sallyport::net
