#include "proxy/runtime/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/timer.h"

namespace sallyport::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// When one family has its addresses, the other one's answer is waited for so long (RFC 8305 section
// 3 says 50 ms; names are looked up seldom here, and an address more is worth more).
constexpr Duration kOtherFamily = milliseconds(250);
// How long an answer is used in which a family is missing because its name server was slow.
constexpr Duration kIncompleteLifetime = seconds(5);
// Addresses of the hosts file have no TTL.
constexpr Duration kLongestLifetime = seconds(60);
// A TTL of 0 would ask the name server for each connection.
constexpr Duration kShortestLifetime = seconds(1);

/// A table of the process, set up once; never torn down.
bool library_is_ready() {
  static const bool ready = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return ready;
}

bool is_localhost(std::string_view name) {
  const std::string lower = ascii::lower(name);
  return lower == "localhost" || lower.ends_with(".localhost");
}

/// What a family's queries, or the hosts file, gave.
struct Found {
  std::vector<SocketAddress> addresses;
  Duration lifetime = kLongestLifetime;
};

Found found_in(const ares_addrinfo& answer) {
  Found found;
  for (const ares_addrinfo_node* node = answer.nodes; node != nullptr; node = node->ai_next) {
    if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
    const SocketAddress address =
        SocketAddress::from(node->ai_addr, static_cast<socklen_t>(node->ai_addrlen));
    if (std::ranges::find(found.addresses, address) == found.addresses.end()) {
      found.addresses.push_back(address);
    }
    if (node->ai_ttl > 0)
      found.lifetime = std::min<Duration>(found.lifetime, seconds(node->ai_ttl));
  }
  found.lifetime = std::max(found.lifetime, kShortestLifetime);
  return found;
}

/// IPv6 and IPv4 in turn, each in its own order.
std::vector<SocketAddress> interleaved(const std::vector<SocketAddress>& addresses) {
  std::array<std::vector<SocketAddress>, 2> families;
  for (const SocketAddress& address : addresses) {
    families[address.get()->sa_family == AF_INET6 ? 0 : 1].push_back(address);
  }
  std::vector<SocketAddress> turns;
  for (std::size_t i = 0; turns.size() < addresses.size(); ++i) {
    for (const auto& family : families) {
      if (i < family.size()) turns.push_back(family[i]);
    }
  }
  return turns;
}

}  // namespace

/// c-ares answers by callbacks, from within calls of its own: they store what came and wake who
/// waits. It is only destroyed from outside of them.
class LookUp::Impl {
 public:
  Impl(Loop& loop, std::string_view host, std::uint16_t port, const ResolverSettings& settings)
      : loop_(loop),
        name_(host),
        service_(std::to_string(port)),
        settings_(settings),
        retry_(loop.timers(), [this] { work_on(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }),
        grace_(loop.timers(), [this] { settle(); }) {
    begin(port);
  }

  ~Impl() {
    assert(waiters_.empty());
    ended_ = true;
    close_channel();
  }

  Task<bool> wait(TimePoint deadline) {
    if (ended_) co_return true;
    Event event(loop_);
    waiters_.push_back(&event);
    (void)co_await event.wait(deadline);
    std::erase(waiters_, &event);
    co_return ended_;
  }

  bool has_ended() const { return ended_; }
  const Result<HostAddresses>& result() const { return result_; }
  void cancel() { end(fail(ErrorCode::kCancelled, "we are stopping")); }

 private:
  struct Watch {
    uv_poll_t uv{};
    Impl* owner = nullptr;
    ares_socket_t descriptor = ARES_SOCKET_BAD;
  };
  struct Family {
    Impl* owner = nullptr;
    bool pending = false;
    int status = ARES_SUCCESS;
    Found found = {};
  };

  void begin(std::uint16_t port) {
    const std::string literal = name_;
    if (const auto address = SocketAddress::parse(literal, port)) {
      end(HostAddresses{{*address}, kLongestLifetime});
      return;
    }
    absolute_ = name_.ends_with('.');
    if (absolute_) name_.pop_back();
    if (!library_is_ready()) {
      end(fail(ErrorCode::kSystem, "look up " + name_ + ": the resolver cannot be set up"));
      return;
    }
    if (is_in_hosts_file()) return;
    if (is_localhost(name_)) {
      end(HostAddresses{
          {*SocketAddress::parse("127.0.0.1", port), *SocketAddress::parse("::1", port)},
          kLongestLifetime});
      return;
    }
    ask_name_servers();
  }

  /// The hosts file is asked first and by itself: it answers at once, and a name that it has is not
  /// asked for on the network, not even for the family it lacks.
  bool is_in_hosts_file() {
    if (!open_channel("f")) return true;
    Family both;
    ask(both, AF_UNSPEC);
    close_channel();
    if (both.found.addresses.empty()) return false;
    end(HostAddresses{interleaved(both.found.addresses), both.found.lifetime});
    return true;
  }

  /// Each family has a query of its own, so that a name server that is silent about one does not
  /// hold back the other's answer.
  void ask_name_servers() {
    if (!open_channel("b")) return;
    for (auto [family, kind] : {std::pair{&v6_, AF_INET6}, std::pair{&v4_, AF_INET}}) {
      family->owner = this;
      family->pending = true;
      ask(*family, kind);
    }
    rearm();
  }

  void ask(Family& family, int kind) {
    ares_addrinfo_hints hints{};
    hints.ai_flags = ARES_AI_NUMERICSERV | ARES_AI_NOSORT;
    hints.ai_family = kind;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel_, name_.c_str(), service_.c_str(), &hints, on_answer, &family);
  }

  static void on_answer(void* context, int status, int /*timeouts*/, ares_addrinfo* answer) {
    Family& family = *static_cast<Family*>(context);
    family.pending = false;
    family.status = status;
    if (answer != nullptr) {
      if (status == ARES_SUCCESS) family.found = found_in(*answer);
      ares_freeaddrinfo(answer);
    }
    if (family.owner != nullptr) family.owner->answered();
  }

  void answered() {
    if (ended_) return;
    if (!v4_.pending && !v6_.pending) {
      settle();
    } else if (!v4_.found.addresses.empty() || !v6_.found.addresses.empty()) {
      grace_.arm(loop_.after(kOtherFamily));
    }
  }

  /// Makes the result of what has come.
  void settle() {
    if (ended_) return;
    std::vector<SocketAddress> all = v6_.found.addresses;
    all.insert(all.end(), v4_.found.addresses.begin(), v4_.found.addresses.end());
    if (all.empty()) {
      end(fail(failure()));
      return;
    }
    const bool lacks_one = is_unknown(v4_) || is_unknown(v6_);
    Duration lifetime = std::min(v4_.found.lifetime, v6_.found.lifetime);
    if (lacks_one) lifetime = std::min(lifetime, kIncompleteLifetime);
    end(HostAddresses{interleaved(all), lifetime});
  }

  static bool is_no_address(int status) {
    return status == ARES_ENOTFOUND || status == ARES_ENODATA;
  }
  static bool is_unknown(const Family& family) {
    return family.pending || (family.status != ARES_SUCCESS && !is_no_address(family.status));
  }

  Error failure() const {
    const std::string what = "look up " + name_ + ": ";
    for (const Family* family : {&v4_, &v6_}) {
      if (!is_unknown(*family)) continue;
      const bool silent = family->pending || family->status == ARES_ETIMEOUT;
      return {ErrorCode::kNetwork,
              what + (silent ? "the name servers do not answer" : ares_strerror(family->status))};
    }
    const bool exists = v4_.status == ARES_ENODATA || v6_.status == ARES_ENODATA;
    return {ErrorCode::kNotFound,
            what + (exists ? "the name has no address" : "the name does not exist")};
  }

  void end(Result<HostAddresses> result) {
    if (ended_) return;
    ended_ = true;
    result_ = std::move(result);
    retry_.disarm();
    grace_.disarm();
    for (Event* const waiter : waiters_) waiter->set();
  }

  bool open_channel(const char* lookups) {
    ares_options options{};
    std::string lookups_copy(lookups);
    options.lookups = lookups_copy.data();
    options.timeout = static_cast<int>(std::chrono::ceil<milliseconds>(settings_.timeout).count());
    options.tries = settings_.attempts;
    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = this;
    int given = ARES_OPT_LOOKUPS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    // An absolute name has no other ends; c-ares would take them all the same.
    if (absolute_ || is_localhost(name_)) given |= ARES_OPT_DOMAINS;
    int status = ares_init_options(&channel_, &options, given);
    if (status == ARES_SUCCESS && !settings_.servers.empty()) {
      status = ares_set_servers_ports_csv(channel_, settings_.servers.c_str());
    }
    if (status == ARES_SUCCESS) return true;
    close_channel();
    end(fail(ErrorCode::kSystem, "look up " + name_ + ": " + ares_strerror(status)));
    return false;
  }

  /// Queries that are pending are answered before it returns: ended_ says that nothing follows.
  void close_channel() {
    if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
    while (!watches_.empty()) unwatch(watches_.begin()->first);
  }

  void rearm() {
    timeval wait{};
    if (ended_ || channel_ == nullptr || ares_timeout(channel_, nullptr, &wait) == nullptr) {
      retry_.disarm();
    } else {
      retry_.arm(loop_.after(seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec)));
    }
  }

  void work_on(ares_socket_t readable, ares_socket_t writable) {
    if (ended_ || channel_ == nullptr) return;
    ares_process_fd(channel_, readable, writable);
    rearm();
  }

  static void on_socket_state(void* context, ares_socket_t descriptor, int readable, int writable) {
    static_cast<Impl*>(context)->watch(
        descriptor, (readable != 0 ? UV_READABLE : 0) | (writable != 0 ? UV_WRITABLE : 0));
  }

  void watch(ares_socket_t descriptor, int interest) {
    if (interest == 0) {
      unwatch(descriptor);
      return;
    }
    Watch*& watch = watches_[descriptor];
    if (watch == nullptr) {
      watch = new Watch{.owner = this, .descriptor = descriptor};
      watch->uv.data = watch;
      const int initialised = uv_poll_init(loop_.uv(), &watch->uv, descriptor);
      assert(initialised == 0);
      (void)initialised;
    }
    uv_poll_start(&watch->uv, interest, [](uv_poll_t* uv, int status, int events) {
      const Watch& ready = *static_cast<Watch*>(uv->data);
      if (ready.owner == nullptr) return;
      const bool failed = status < 0;
      ready.owner->work_on(
          failed || (events & UV_READABLE) != 0 ? ready.descriptor : ARES_SOCKET_BAD,
          failed || (events & UV_WRITABLE) != 0 ? ready.descriptor : ARES_SOCKET_BAD);
    });
  }

  /// c-ares closes the descriptor next; libuv takes it out of its set at once.
  void unwatch(ares_socket_t descriptor) {
    const auto found = watches_.find(descriptor);
    if (found == watches_.end()) return;
    Watch* const watch = found->second;
    watches_.erase(found);
    watch->owner = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&watch->uv),
             [](uv_handle_t* uv) { delete static_cast<Watch*>(uv->data); });
  }

  Loop& loop_;
  std::string name_;
  const std::string service_;
  const ResolverSettings settings_;
  bool absolute_ = false;
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, Watch*> watches_;  // libuv's: each frees itself after closing
  Family v4_;
  Family v6_;
  Timer retry_;  // when c-ares wants to ask again, or to give up
  Timer grace_;  // when the family that is still missing is not waited for any more
  std::vector<Event*> waiters_;
  bool ended_ = false;
  Result<HostAddresses> result_;
};

LookUp::LookUp(Loop& loop, std::string_view host, std::uint16_t port,
               const ResolverSettings& settings)
    : impl_(std::make_unique<Impl>(loop, host, port, settings)) {}

LookUp::~LookUp() = default;

Task<bool> LookUp::wait(TimePoint deadline) { return impl_->wait(deadline); }
bool LookUp::has_ended() const { return impl_->has_ended(); }
const Result<HostAddresses>& LookUp::result() const { return impl_->result(); }
void LookUp::cancel() { impl_->cancel(); }

Task<Result<HostAddresses>> resolve(Loop& loop, std::string host, std::uint16_t port,
                                    TimePoint deadline) {
  LookUp look_up(loop, host, port);
  if (!co_await look_up.wait(deadline)) {
    co_return fail(ErrorCode::kTimeout, "look up " + host + ": no answer in time");
  }
  co_return look_up.result();
}

}  // namespace sallyport::runtime
