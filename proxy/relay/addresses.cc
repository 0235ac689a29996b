#include "proxy/relay/addresses.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sallyport::relay {
namespace {

using runtime::SocketAddress;
using std::chrono::seconds;

// How long a message waits for a new answer while an older one is there.
constexpr Duration kPatience = seconds(1);
// How often name servers that fail are asked again while an older answer is used.
constexpr Duration kAskAgain = seconds(10);
// How long an address that failed goes behind the others.
constexpr Duration kGrudge = std::chrono::minutes(5);

}  // namespace

Addresses::Addresses(runtime::Loop& loop, std::string host, std::uint16_t port)
    : Addresses(
          loop,
          [host = std::move(host), port](runtime::Loop& own) {
            return std::make_unique<runtime::LookUp>(own, host, port);
          },
          port) {}

runtime::Task<Result<std::vector<SocketAddress>>> Addresses::in_order(TimePoint deadline) {
  if (look_up_ && look_up_->has_ended()) take(std::exchange(look_up_, nullptr)->result());
  if (!look_up_ && (known_.empty() || loop_.now() >= fresh_until_)) look_up_ = ask_(loop_);
  if (look_up_) {
    const std::shared_ptr<runtime::LookUp> look_up = look_up_;
    TimePoint until = deadline;
    // While name servers fail, an old answer is used at once; the new one is for the next message.
    if (!known_.empty())
      until = failing_ ? loop_.now() : std::min(deadline, loop_.after(kPatience));
    const bool ended = co_await look_up->wait(until);
    if (ended) {
      if (look_up_ == look_up) take(std::exchange(look_up_, nullptr)->result());
      if (known_.empty()) co_return fail(look_up->result().error());
    } else if (known_.empty()) {
      co_return fail(ErrorCode::kTimeout, "the name servers do not answer in time");
    }
  }
  co_return sorted();
}

void Addresses::take(const Result<runtime::HostAddresses>& result) {
  if (result) {
    known_ = result->addresses;
    fresh_until_ = loop_.after(result->lifetime);
    failing_ = false;
    return;
  }
  const Error& error = result.error();
  if (error.code == ErrorCode::kCancelled) return;
  if (error.code == ErrorCode::kNotFound) known_.clear();
  fresh_until_ = loop_.after(kAskAgain);
  const bool first = !std::exchange(failing_, true);
  if (look_up_failed) look_up_failed(error, first, !known_.empty());
}

std::vector<SocketAddress> Addresses::sorted() {
  std::erase_if(failures_,
                [&](const Failure& failure) { return loop_.now() - failure.when >= kGrudge; });
  const auto rank = [&](const SocketAddress& address) {
    if (winner_ == address) return 0;
    return std::ranges::find(failures_, address, &Failure::address) == failures_.end() ? 1 : 2;
  };
  std::vector<SocketAddress> order;
  for (const int wanted : {0, 1, 2}) {
    for (const SocketAddress& address : known_) {
      if (rank(address) == wanted) order.push_back(address);
    }
  }
  return order;
}

void Addresses::succeeded(const SocketAddress& address) {
  winner_ = address;
  std::erase_if(failures_, [&](const Failure& each) { return each.address == address; });
}

void Addresses::failed(const SocketAddress& address) {
  if (winner_ == address) winner_.reset();
  std::erase_if(failures_, [&](const Failure& each) { return each.address == address; });
  failures_.push_back({address, loop_.now()});
}

void Addresses::cancel() {
  if (look_up_) look_up_->cancel();
}

}  // namespace sallyport::relay
