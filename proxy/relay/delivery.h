// The waist of the program: a finished message goes in, one verdict comes back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/config/config.h"
#include "proxy/message/message.h"
#include "proxy/runtime/cancellation.h"
#include "proxy/runtime/task.h"
#include "proxy/smtp/reply.h"
#include "proxy/trace/story.h"

namespace sallyport::relay {

/// What became of a message.
enum class Outcome : std::uint8_t {
  kDelivered,  ///< An upstream said 250 after the final dot: it has the message.
  kRefused,    ///< An upstream refused it for good: 5xx.
  kDeferred,   ///< No upstream could take it now: 4xx; it was not handed over.
  kUnknown,    ///< The final dot was sent and no reply came: 4xx, tried nowhere else.
  kAbandoned,  ///< The client had gone before content was sent to any upstream: 421.
};

/// The outcome's name for logs and metric labels: "delivered", "refused", "deferred", "unknown",
/// "abandoned".
std::string_view name(Outcome outcome);

/// The verdict on one message.
struct Delivery {
  Outcome outcome = Outcome::kDeferred;
  smtp::Reply reply;           ///< What the client hears (the table of docs/architecture.md).
  std::string route;           ///< The name of the route it went by; empty: it has none.
  std::string upstream;        ///< The last one tried; empty if none was.
  std::string upstream_reply;  ///< Its reply as one line, or what went wrong with it.
  std::string upstream_id;     ///< Its message id, where its reply has one.
  std::uint32_t attempts = 0;  ///< Upstreams tried.
  /// What the attempts before the last came to, one line each: upstream, stage, words.
  std::vector<std::string> earlier_attempts;
  std::string_view cause;  ///< Why it was not delivered: a word of relay/cause.h; empty: it was.
  /// Recipients that an upstream has accepted, or may have, of a message that went in parts; unset:
  /// all but the refused ones, or none, as `outcome` says.
  std::optional<std::uint32_t> reached = {};
  std::uint32_t refused_recipients = 0;  ///< By the last one, in replies to RCPT.
  bool reused_connection = false;
  Duration upstream_time{};  ///< From the start of the last mail transaction to its end.
};

/// The client that waits for a delivery.
struct Caller {
  bool has_gone() const { return gone != nullptr && gone->is_requested(); }

  /// Requested when the client has gone. Then the message goes to no upstream that it has not begun
  /// to go to: once content was sent, the delivery goes on to its end. Null, or outlives the
  /// delivery.
  runtime::Cancellation* gone = nullptr;
  /// The user whose message it is: users take turns where deliveries wait. Outlives the delivery,
  /// as does all that follows, which routes and credentials look at.
  std::string_view user = {};
  std::span<const std::string> groups = {};    ///< Of the user.
  std::span<const config::Label> labels = {};  ///< Of the user.
  const config::Endpoint* listener = nullptr;  ///< By which the message came in; null: by none.
  /// Where the steps of the delivery are noted. Null: nowhere; or outlives the delivery.
  trace::Story* story = nullptr;
};

/// Who delivers. One a worker; the session calls it from the same loop.
class Deliverer {
 public:
  virtual ~Deliverer() = default;
  /// Delivers `message`, which must outlive the call, by `deadline`. Never fails: each outcome is a
  /// value.
  virtual runtime::Task<Delivery> deliver(const message::Message& message, TimePoint deadline,
                                          Caller caller) = 0;
  /// Recipients that every upstream takes in one transaction, as far as is known, of each route
  /// that a message with this reverse-path may go by: past it RCPT is answered 452 4.5.3, so that
  /// one client verdict stands for one upstream transaction.
  virtual std::uint32_t max_recipients(const smtp::ReversePath& reverse_path,
                                       const Caller& caller) const = 0;
  /// The names of the header fields that routes look at: `Message::watched_fields`. Null: none.
  virtual std::shared_ptr<const std::vector<std::string>> watched_fields() const { return nullptr; }
};

}  // namespace sallyport::relay
