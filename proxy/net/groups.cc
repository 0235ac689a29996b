#include "proxy/net/groups.h"

#include <chrono>

namespace sallyport::net {
namespace {

#ifdef SSL_GROUP_X25519_MLKEM768
constexpr bool kHasHybrid = true;
constexpr char kGroups[] = "X25519MLKEM768:X25519:P-256:P-384";
#else
constexpr bool kHasHybrid = false;
constexpr char kGroups[] = "X25519:P-256:P-384";
#endif
constexpr char kClassicGroups[] = "X25519:P-256:P-384";

// A path that drops large segments is seldom mended; a server that does is updated some day.
constexpr Duration kSmallFor = std::chrono::hours(1);

/// Upstream renamed curves to groups; whichever this BoringSSL has.
template <class Context>
bool set_on_context(Context* context) {
  if constexpr (requires { SSL_CTX_set1_groups_list(context, kGroups); }) {
    return SSL_CTX_set1_groups_list(context, kGroups) == 1;
  } else {
    return SSL_CTX_set1_curves_list(context, kGroups) == 1;
  }
}

template <class Connection>
bool set_on_connection(Connection* connection) {
  if constexpr (requires { SSL_set1_groups_list(connection, kClassicGroups); }) {
    return SSL_set1_groups_list(connection, kClassicGroups) == 1;
  } else {
    return SSL_set1_curves_list(connection, kClassicGroups) == 1;
  }
}

}  // namespace

bool has_hybrid_group() { return kHasHybrid; }

bool set_groups(SSL_CTX& context) { return set_on_context(&context); }

bool set_classic_groups(SSL& connection) { return set_on_connection(&connection); }

bool HelloSize::may_be_large(TimePoint now) const {
  return state_ == State::kLarge || (state_ == State::kSmall && now >= small_until_);
}

void HelloSize::learn(bool large, bool answered, TimePoint now) {
  if (large) {
    state_ = answered ? State::kLarge : State::kTrySmall;
  } else if (state_ == State::kTrySmall) {
    // A small one without an answer: the size was not the reason.
    state_ = answered ? State::kSmall : State::kLarge;
    small_until_ = now + kSmallFor;
  }
}

}  // namespace sallyport::net
