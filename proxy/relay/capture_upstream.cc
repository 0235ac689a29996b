#include "proxy/relay/capture_upstream.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "proxy/relay/maildir.h"

namespace sallyport::relay {
namespace {

using runtime::Task;

std::string envelope_fields(const message::Envelope& envelope) {
  std::string fields = fmt::format("Return-Path: <{}>\r\n", envelope.reverse_path.str());
  for (const message::Recipient& recipient : envelope.recipients) {
    fields += fmt::format("Delivered-To: {}\r\n", recipient.forward_path.str());
  }
  return fields;
}

}  // namespace

Task<Attempt> CaptureUpstream::attempt(const message::Message& message,
                                       config::PartialRejection /*partial_rejection*/,
                                       const Deadlines& /*deadlines*/, Caller /*caller*/) {
  const TimePoint begun = loop_.now();
  const auto name = co_await store(message);
  Attempt attempt;
  if (name) {
    attempt.end = End::kAccepted;
    attempt.stage = Stage::kEnd;
    attempt.reply = smtp::Reply(250, {2, 0, 0}, "Ok: captured as " + *name);
  } else {
    attempt = failure(Stage::kContent, name.error());
  }
  attempt.took = loop_.now() - begun;
  if (name) metrics.transaction.observe(attempt.took);
  co_return attempt;
}

/// The name of the stored message. One trip to the thread pool for a message that is in memory.
Task<Result<std::string>> CaptureUpstream::store(const message::Message& message) {
  const std::string fields = envelope_fields(message.envelope);
  std::vector<std::string_view> pieces = {fields};
  std::optional<MaildirFile> file;
  std::string name;
  message::BodyReader reader(message.body);
  for (std::uint64_t left = message.body.size(); true;) {
    const std::size_t before = pieces.size();
    if (left > 0) {
      const auto more = co_await reader.next(loop_, pieces);
      if (!more) co_return fail(more.error());
      if (!*more) co_return fail(ErrorCode::kSystem, "the body ended early");
    }
    for (std::size_t i = before; i < pieces.size(); ++i) {
      left -= std::min<std::uint64_t>(left, pieces[i].size());
    }
    const auto work = [&]() -> Result<void> {
      if (!file) {
        auto created = MaildirFile::create(config.path, hostname_);
        if (!created) return fail(std::move(created.error()));
        name = created->name();
        file.emplace(std::move(*created));
      }
      if (const auto written = file->write(pieces); !written) return written;
      return left == 0 ? file->commit() : Result<void>();
    };
    const auto done = co_await loop_.offload(work);
    if (!done) co_return fail(done.error());
    if (left == 0) co_return name;
    pieces.clear();
  }
}

}  // namespace sallyport::relay
