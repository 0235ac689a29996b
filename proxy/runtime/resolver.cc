#include "proxy/runtime/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/runtime/event.h"
#include "proxy/runtime/name_channel.h"
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

/// The callbacks of the channel store what came and wake who waits.
class LookUp::Impl {
 public:
  Impl(Loop& loop, std::string_view host, std::uint16_t port, const ResolverSettings& settings)
      : loop_(loop),
        name_(host),
        service_(std::to_string(port)),
        channel_(loop, settings),
        grace_(loop.timers(), [this] { settle(); }) {
    begin(port);
  }

  ~Impl() {
    assert(waiters_.empty());
    ended_ = true;  // answers that closing the channel gives find nobody
    channel_.close();
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
    channel_.close();
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
    channel_.begin();
  }

  void ask(Family& family, int kind) {
    ares_addrinfo_hints hints{};
    hints.ai_flags = ARES_AI_NUMERICSERV | ARES_AI_NOSORT;
    hints.ai_family = kind;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel_.get(), name_.c_str(), service_.c_str(), &hints, on_answer, &family);
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
    channel_.rest();
    grace_.disarm();
    for (Event* const waiter : waiters_) waiter->set();
  }

  bool open_channel(const char* lookups) {
    const int status =
        channel_.open({.lookups = lookups, .absolute = absolute_ || is_localhost(name_)});
    if (status == ARES_SUCCESS) return true;
    end(fail(ErrorCode::kSystem, "look up " + name_ + ": " + ares_strerror(status)));
    return false;
  }

  Loop& loop_;
  std::string name_;
  const std::string service_;
  bool absolute_ = false;
  NameChannel channel_;
  Family v4_;
  Family v6_;
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

namespace {

/// One query for TXT records; belongs to one coroutine.
class TextQuery {
 public:
  TextQuery(Loop& loop, const ResolverSettings& settings)
      : answered_(loop), channel_(loop, settings) {}

  Task<Result<std::vector<std::string>>> run(const std::string& name, TimePoint deadline) {
    const int status = channel_.open({.lookups = "b", .absolute = true, .large = true});
    if (status != ARES_SUCCESS) co_return failed(name, ErrorCode::kSystem, ares_strerror(status));
    ares_query(channel_.get(), name.c_str(), kClassInternet, kTypeText, on_answer, this);
    channel_.begin();
    const auto came = co_await answered_.wait(deadline);
    channel_.rest();
    if (!came) co_return failed(name, ErrorCode::kTimeout, "no answer in time");
    if (status_ == ARES_SUCCESS && !texts_.empty()) co_return std::move(texts_);
    switch (status_) {
      case ARES_SUCCESS:
      case ARES_ENODATA:
        co_return failed(name, ErrorCode::kNotFound, "the name has no such record");
      case ARES_ENOTFOUND:
        co_return failed(name, ErrorCode::kNotFound, "the name does not exist");
      case ARES_EBADNAME:
        co_return failed(name, ErrorCode::kInvalid, "this can be no name");
      case ARES_ETIMEOUT:
        co_return failed(name, ErrorCode::kNetwork, "the name servers do not answer");
      default:
        co_return failed(name, ErrorCode::kNetwork, ares_strerror(status_));
    }
  }

 private:
  static constexpr int kClassInternet = 1;
  static constexpr int kTypeText = 16;

  static std::unexpected<Error> failed(const std::string& name, ErrorCode code,
                                       const std::string& why) {
    return fail(code, "look up TXT of " + name + ": " + why);
  }

  static void on_answer(void* context, int status, int /*timeouts*/, unsigned char* answer,
                        int size) {
    TextQuery& query = *static_cast<TextQuery*>(context);
    if (status == ARES_SUCCESS) status = query.take(answer, size);
    query.status_ = status;
    query.answered_.set();
  }

  /// The strings of a record are one text (RFC 7208 section 3.3, RFC 6376 section 3.6.2.2).
  int take(const unsigned char* answer, int size) {
    ares_txt_ext* records = nullptr;
    const int status = ares_parse_txt_reply_ext(answer, size, &records);
    for (const ares_txt_ext* each = records; each != nullptr; each = each->next) {
      if (each->record_start != 0 || texts_.empty()) texts_.emplace_back();
      texts_.back().append(reinterpret_cast<const char*>(each->txt), each->length);
    }
    if (records != nullptr) ares_free_data(records);
    return status;
  }

  std::vector<std::string> texts_;
  int status_ = ARES_ETIMEOUT;
  Event answered_;
  NameChannel channel_;  // the last: closing it answers the query
};

}  // namespace

Task<Result<std::vector<std::string>>> resolve_texts(Loop& loop, std::string name,
                                                     ResolverSettings settings,
                                                     TimePoint deadline) {
  if (name.ends_with('.')) name.pop_back();
  TextQuery query(loop, settings);
  co_return co_await query.run(name, deadline);
}

}  // namespace sallyport::runtime
