#include "proxy/relay/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/relay/added_fields.h"
#include "proxy/smtp/content.h"

namespace sallyport::relay {
namespace {

using metrics::CloseReason;
using runtime::Task;
using smtp::Reply;
using std::chrono::minutes;
using std::chrono::seconds;

// RFC 5321 section 4.5.3.2.
constexpr Duration kBlockTimeout = minutes(3);
constexpr Duration kEndTimeout = minutes(10);
// For what a peer that took no more octets may have said.
constexpr Duration kLastWordsTimeout = seconds(5);

// What goes along with MAIL and RCPT is sent in vain when they are refused. For larger content a
// round trip more makes no difference.
constexpr std::uint64_t kMostAtOnce = 64u << 10;
// A connection that was in use so lately has not been forgotten by a NAT, nor ended for idling.
// Where one has died unseen, what goes at once may have been handed over or not; what goes in two
// steps has not, and is sent again.
constexpr Duration kHot = seconds(2);

// Views kept for the next message; one of thousands of lines that begin with dots needs more.
constexpr std::size_t kMostViewsKept = 256;

/// The whole message is one chunk: it is all there, and its size is known.
void append_bdat(std::uint64_t size, std::string& commands) {
  fmt::format_to(std::back_inserter(commands), "BDAT {} LAST\r\n", size);
}

/// The upstream's answer to the content.
class Verdict {
 public:
  Verdict(runtime::Loop& loop, Connection& connection, const config::Upstream& upstream,
          const message::Message& message, bool by_bdat, TimePoint deadline)
      : loop_(loop),
        connection_(connection),
        upstream_(upstream),
        message_(message),
        by_bdat_(by_bdat),
        deadline_(deadline) {}

  Task<Attempt> read() {
    auto reply = co_await connection_.read_reply(std::min(deadline_, loop_.after(kEndTimeout)));
    if (!reply || (!is_success(*reply) && !is_refusal(*reply))) {
      connection_.closing = CloseReason::kError;
      Attempt unknown = reply ? unexpected_reply(Stage::kEnd, *reply)
                              : failure(Stage::kEnd, std::move(reply.error()));
      unknown.end = End::kUnknown;
      co_return unknown;
    }
    if (auto other = co_await contradiction(*reply)) {
      Attempt unknown = unexpected_reply(Stage::kEnd, *other);
      unknown.end = End::kUnknown;
      co_return unknown;
    }
    ++connection_.messages;
    if (is_refusal(*reply)) {
      if (reply->code == 421) connection_.closing = CloseReason::kPeer;
      if (by_bdat_) clean_up_after_bdat(*reply);
      co_return refusal(Stage::kEnd, std::move(*reply), *upstream_.provider, message_.envelope);
    }
    Attempt accepted;
    accepted.end = End::kAccepted;
    accepted.stage = Stage::kEnd;
    // 250 says it all: only another success code may have a meaning of its own.
    if (reply->code != 250) {
      accepted.meaning = read_reply(*upstream_.provider, Stage::kEnd, *reply).meaning;
    }
    if (accepted.meaning == Meaning::kSuppressed) note_suppressed(*reply, accepted);
    accepted.reply = std::move(*reply);
    co_return accepted;
  }

 private:
  /// A reply that came along with `verdict` and says the contrary: one of the two answers something
  /// else, and nobody can tell which.
  Task<std::optional<Reply>> contradiction(const Reply& verdict) {
    std::optional<Reply> found;
    while (connection_.has_unread()) {
      auto other = co_await connection_.read_reply(loop_.now());
      if (!other) break;
      connection_.closing = other->code == 421 ? CloseReason::kPeer : CloseReason::kError;
      if (other->code != 421 && is_success(*other) != is_success(verdict)) {
        found = std::move(*other);
      }
    }
    co_return found;
  }

  /// The provider took the message and will not send it to recipients that its reply names. Without
  /// any other recipient that is a refusal.
  void note_suppressed(Reply& reply, Attempt& attempt) const {
    const std::string text = ascii::lower(reply.text());
    const Reply refused(550, {5, 7, 1}, reply.text());
    const auto& recipients = message_.envelope.recipients;
    for (const message::Recipient& recipient : recipients) {
      const bool named = text.contains(ascii::lower(recipient.forward_path.str()));
      if (named || recipients.size() == 1)
        attempt.refused.push_back({recipient.forward_path, refused});
    }
    if (attempt.refused.size() < recipients.size()) return;
    attempt.end = End::kRefused;
    attempt.refused.clear();
    reply = refused;
  }

  /// RFC 3030 section 2: the state after a refused BDAT is not known before RSET was said. And an
  /// upstream that does not know the command, though it offered it, takes the chunk for commands.
  void clean_up_after_bdat(const Reply& reply) {
    const bool was_not_understood = reply.code >= 500 && reply.code <= 504;
    if (was_not_understood) connection_.closing = CloseReason::kError;
    connection_.rset_due = true;
  }

  runtime::Loop& loop_;
  Connection& connection_;
  const config::Upstream& upstream_;
  const message::Message& message_;
  const bool by_bdat_;
  const TimePoint deadline_;
};

class ContentSender {
 public:
  ContentSender(runtime::Loop& loop, Connection& connection, const config::Upstream& upstream,
                const message::Message& message, TimePoint deadline)
      : loop_(loop),
        connection_(connection),
        upstream_(upstream),
        message_(message),
        deadline_(deadline),
        by_bdat_(goes_by_bdat(message)) {}

  /// The body is read once and never copied: a message in memory leaves in one write, with its dot
  /// or its BDAT.
  Task<Attempt> run() {
    if (loop_.now() >= deadline_) {
      co_return given_up({ErrorCode::kTimeout, "the delivery took too long"});
    }
    // An early reply, or one too many, would be taken for the verdict on the message.
    if (const auto in_step = co_await connection_.check_in_step(loop_.now()); !in_step) {
      co_return co_await stopped_before(in_step.error());
    }
    message::BodyReader reader(message_.body);
    bool begun = false;
    std::vector<std::string_view>& stretch = connection_.stretch;
    std::vector<std::string_view>& wire = connection_.wire;
    wire.clear();
    for (std::uint64_t left = message_.body.size(); true; wire.clear()) {
      stretch.clear();
      if (left > 0) {
        const auto more = co_await reader.next(loop_, stretch);
        if (!more) co_return given_up(more.error());
        if (!*more) co_return given_up({ErrorCode::kSystem, "the body ended early"});
      }
      if (!begun) begin(stretch, wire);
      for (const std::string_view piece : stretch) {
        // The prefix is ours, and nobody has looked at it.
        const bool look =
            message_.may_have_dotted_line || piece.data() == message_.body.prefix().data();
        if (by_bdat_) {
          wire.push_back(piece);
        } else if (look) {
          encoder_.feed(piece, wire);
        } else {
          encoder_.pass(piece, wire);
        }
        left -= std::min<std::uint64_t>(left, piece.size());
      }
      if (left == 0 && !by_bdat_) encoder_.finish(wire);
      if (left == 0 && begun) {
        const auto in_step = co_await connection_.check_in_step(loop_.now());
        if (!in_step) {
          co_return co_await stopped_midway(loop_, connection_, upstream_, message_,
                                            in_step.error());
        }
      }
      begun = true;
      const auto written = co_await connection_.write(wire, within(kBlockTimeout));
      if (!written) {
        co_return co_await stopped_midway(loop_, connection_, upstream_, message_, written.error());
      }
      if (left == 0) break;
    }
    if (wire.capacity() > kMostViewsKept) std::vector<std::string_view>().swap(wire);
    Verdict verdict(loop_, connection_, upstream_, message_, by_bdat_, deadline_);
    co_return co_await verdict.read();
  }

 private:
  TimePoint within(Duration span) const { return std::min(deadline_, loop_.after(span)); }

  /// What goes before the body: the chunk's command, and the fields that this upstream gets.
  void begin(std::span<const std::string_view> stretch, std::vector<std::string_view>& wire) {
    added_ = added_fields(upstream_, message_, stretch);
    if (by_bdat_) {
      connection_.commands.clear();
      append_bdat(added_.size() + message_.body.size(), connection_.commands);
      wire.emplace_back(connection_.commands);
    }
    if (added_.empty()) return;
    by_bdat_ ? wire.push_back(added_) : encoder_.feed(added_, wire);
  }

  /// A message that can't be sent whole is not ended with a dot, nor its chunk filled up: the
  /// connection is given up.
  Attempt given_up(Error error) {
    connection_.closing = CloseReason::kError;
    return failure(Stage::kContent, std::move(error));
  }

  /// The connection can't be trusted, or has ended, before an octet of the content was said.
  Task<Attempt> stopped_before(Error error) {
    Attempt attempt = given_up(std::move(error));
    if (connection_.has_unread()) {
      auto unasked = co_await connection_.read_reply(loop_.now());
      if (unasked && unasked->code == 421) {
        attempt =
            refusal(Stage::kContent, std::move(*unasked), *upstream_.provider, message_.envelope);
      }
    }
    attempt.stale = true;
    co_return attempt;
  }

  runtime::Loop& loop_;
  Connection& connection_;
  const config::Upstream& upstream_;
  const message::Message& message_;
  const TimePoint deadline_;
  const bool by_bdat_;
  smtp::ContentEncoder encoder_;
  std::string added_;  // fields before the body
};

}  // namespace

Task<Attempt> send_content(runtime::Loop& loop, Connection& connection,
                           const config::Upstream& upstream, const message::Message& message,
                           TimePoint deadline) {
  ContentSender sending(loop, connection, upstream, message, deadline);
  co_return co_await sending.run();
}

bool goes_at_once(const message::Message& message, const Connection& connection, TimePoint now) {
  const smtp::Capabilities& offered = connection.capabilities;
  return offered.chunking && offered.pipelining && connection.may_go_at_once &&
         connection.messages > 0 && !connection.rset_due && now - connection.idle_since <= kHot &&
         message.envelope.recipients.size() == 1 && message.body.in_file() == 0 &&
         message.body.size() <= kMostAtOnce;
}

Task<Result<void>> write_at_once(runtime::Loop& loop, Connection& connection,
                                 const config::Upstream& upstream, const message::Message& message,
                                 TimePoint deadline) {
  std::vector<std::string_view>& stretch = connection.stretch;
  stretch.clear();
  message::BodyReader reader(message.body);
  // It does not suspend: all of the body is in memory, and in one stretch.
  if (const auto read = co_await reader.next(loop, stretch); !read) co_return fail(read.error());
  const std::string added = added_fields(upstream, message, stretch);
  append_bdat(added.size() + message.body.size(), connection.commands);
  std::vector<std::string_view>& wire = connection.wire;
  wire.assign(1, connection.commands);
  if (!added.empty()) wire.push_back(added);
  wire.insert(wire.end(), stretch.begin(), stretch.end());
  co_return co_await connection.write(wire, std::min(deadline, loop.after(kBlockTimeout)));
}

Task<Attempt> stopped_midway(runtime::Loop& loop, Connection& connection,
                             const config::Upstream& upstream, const message::Message& message,
                             Error error) {
  connection.closing = is_hang_up(error) ? CloseReason::kPeer : CloseReason::kError;
  auto reply = co_await connection.read_reply(loop.after(kLastWordsTimeout));
  Attempt attempt;
  if (reply && is_refusal(*reply)) {
    attempt = refusal(Stage::kContent, std::move(*reply), *upstream.provider, message.envelope);
    attempt.stale = attempt.said().code == 421;
  } else {
    attempt = failure(Stage::kContent, std::move(error));
    attempt.stale = is_hang_up(attempt.error);
  }
  co_return attempt;
}

Task<Attempt> read_verdict(runtime::Loop& loop, Connection& connection,
                           const config::Upstream& upstream, const message::Message& message,
                           bool by_bdat, TimePoint deadline) {
  Verdict verdict(loop, connection, upstream, message, by_bdat, deadline);
  co_return co_await verdict.read();
}

}  // namespace sallyport::relay
