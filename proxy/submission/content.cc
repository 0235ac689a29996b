// DATA: RFC 5321 section 4.1.1.4; and what it has in common with BDAT. The content is received
// whole, then weighed, then relayed whole, and only then answered.
#include "proxy/submission/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "proxy/base/utf8.h"
#include "proxy/message/trace.h"
#include "proxy/relay/cause.h"
#include "proxy/runtime/cancellation.h"
#include "proxy/submission/authors.h"
#include "proxy/submission/session.h"
#include "proxy/submission/split.h"

namespace sallyport::submission {
namespace {

constexpr std::uint32_t kMostHops = 100;  // RFC 5321 section 6.3

}  // namespace

Content::Content(message::Budget& budget, const config::Message& settings,
                 const config::Listener& listener, std::optional<std::uint64_t> declared)
    : max_size_(settings.max_size),
      max_header_size_(settings.max_header_size),
      storage_{.memory_threshold = settings.memory_threshold, .directory = settings.directory},
      decoder_(std::in_place_type<smtp::ContentDecoder>,
               listener.compat ? smtp::BareLineEnds::kMended : smtp::BareLineEnds::kRefused),
      header_(listener.header),
      body_(std::in_place, budget, storage_, declared.value_or(0)) {}

void Content::feed(std::string_view& wire) {
  decoded_.clear();
  std::visit([&](auto& decoder) { decoder.feed(wire, decoded_); }, decoder_);
  take_decoded();
  // Very short lines make very many views: no client shall have us keep room for them.
  if (decoded_.capacity() > kMostViewsHeld) decoded_ = decltype(decoded_)();
}

void Content::take_decoded() {
  if (size() > max_size_) give_up(Fault::kTooLarge);
  for (const std::string_view piece : decoded_) {
    if (!body_) return;
    kept_.clear();
    header_.feed(piece, kept_);
    if (header_.size() > max_header_size_) give_up(Fault::kHeaderTooLarge);
    keep();
  }
  if (complete()) finish();
}

void Content::begin_chunk(const smtp::BdatCommand& command) {
  std::get<smtp::ChunkDecoder>(decoder_).begin(command.size, command.last);
  // Not one octet need be kept of what will be too much.
  if (command.size > max_size_ - std::min(max_size_, size())) give_up(Fault::kTooLarge);
  if (complete()) finish();
}

bool Content::complete() const {
  const auto* chunks = std::get_if<smtp::ChunkDecoder>(&decoder_);
  return chunks ? chunks->complete() : finished();
}

void Content::finish() {
  if (!body_) return;
  kept_.clear();
  header_.finish(kept_);
  keep();
  if (body_) body_->release_rest();
}

void Content::keep() {
  for (const std::string_view piece : kept_) {
    // The decoder saw what was taken out, too, so what is left must be looked at for itself.
    if (header_.facts().removed_8bit && !kept_8bit_) kept_8bit_ = !utf8::is_ascii(piece);
    if (body_ && !body_->append(piece)) give_up(Fault::kNoBudget);
  }
}

void Content::give_up(Fault fault) {
  if (fault_ == Fault::kNone) fault_ = fault;
  body_.reset();
}

runtime::Task<Result<void>> Content::settle(runtime::Loop& loop) {
  if (!body_ || !body_->flush_due()) co_return {};
  auto flushed = co_await body_->flush(loop);
  if (!flushed) {
    give_up(flushed.error().code == ErrorCode::kLimit ? Fault::kNoRoom : Fault::kNoStorage);
  }
  co_return flushed;
}

std::optional<metrics::Unfit> Content::unfit() const {
  using enum metrics::Unfit;
  const auto [bare_line_end, nul] = std::visit(
      [](const auto& decoder) { return std::pair(decoder.has_bare_line_end(), decoder.has_nul()); },
      decoder_);
  if (bare_line_end) return kLineEnds;
  if (nul) return kNul;
  if (header_.facts().hops() > kMostHops) return kLoop;
  if (fault_ == Fault::kHeaderTooLarge) return kHeaderSize;
  const message::HeaderFacts& facts = header_.facts();
  if (facts.broken_line != 0 || facts.from_fields > 1) return kHeaderForm;
  return std::nullopt;
}

std::optional<smtp::Reply> Content::refusal() const {
  // What waiting cannot mend is said first.
  if (const auto reason = unfit()) {
    switch (*reason) {
      case metrics::Unfit::kLineEnds:
        return replies::bare_line_end();
      case metrics::Unfit::kNul:
        return replies::nul_in_content();
      case metrics::Unfit::kLoop:
        return replies::mail_loop(header_.facts().hops(), kMostHops);
      case metrics::Unfit::kHeaderSize:
        return replies::header_too_large(max_header_size_);
      case metrics::Unfit::kHeaderForm:
        return header_.facts().broken_line != 0
                   ? replies::broken_header(header_.facts().broken_line)
                   : replies::several_authors(header_.facts().from_fields);
    }
  }
  switch (fault_) {
    case Fault::kTooLarge:
      return replies::too_large(max_size_);
    case Fault::kNoBudget:
      return replies::no_budget();
    case Fault::kNoRoom:
      return replies::no_room();
    case Fault::kNoStorage:
      return replies::no_storage();
    case Fault::kDiscarded:
    case Fault::kHeaderTooLarge:
    case Fault::kNone:
      break;
  }
  return std::nullopt;
}

namespace {

std::string_view cause_of(const Content& content, const smtp::Reply& refusal) {
  if (const auto reason = content.unfit()) {
    return metrics::kUnfitNames[static_cast<std::size_t>(*reason)];
  }
  if (content.out_of_budget()) return relay::cause::kNoBudget;
  return refusal.is_permanent() ? relay::cause::kTooLarge : relay::cause::kNoStorage;
}

}  // namespace

runtime::Task<void> Session::data(std::string_view arguments) {
  if (const auto fine = smtp::parse_no_arguments(arguments); !fine) {
    expect_content();
    co_return refuse(fine.error());
  }
  if (auto refusal = partial_refusal()) {
    expect_content();
    co_return conclude_early(std::move(*refusal));
  }
  refused_data_.end();
  dialog_.say(replies::kStartMailInput);
  Content content(context_.budget, config().message, gate_.settings,
                  transaction_->envelope.parameters.size);
  content.watch(context_.deliverer.watched_fields());
  if (auto room = std::exchange(transaction_->room, std::nullopt)) content.adopt(std::move(*room));
  const auto received = co_await receive(content);
  if (!received) co_return end(received.error());
  co_await submit(content);
}

runtime::Task<void> Session::submit(Content& content) {
  transaction_->received = context_.loop.now();
  transaction_->announced = {};
  if (transaction_->story) note_step("content", fmt::format("{} octets received", content.size()));
  commands_.restore();
  if (auto refusal = check_content(content)) {
    transaction_->message_id = content.header().message_id();
    co_await conclude(transaction_->envelope, content.size(), std::move(*refusal));
    co_return;
  }
  // Whoever waits for earlier replies must not wait for the upstream, too.
  const auto sent = co_await dialog_.flush(after(config().session.command_timeout));
  if (!sent) co_return end(sent.error());
  message::Message message = assemble(content);
  transaction_->message_id = message.message_id;
  const TimePoint deadline = after(config().session.upstream_timeout);
  runtime::Cancellation gone;
  dialog_.stream()->watch_peer(&gone);
  relay::Caller caller = this->caller();
  caller.gone = &gone;
  caller.story = transaction_->story.get();
  relay::Delivery delivery;
  if (config().session.overflow == config::Overflow::kSplit) {
    delivery = co_await deliver_in_parts(context_.deliverer, message,
                                         config().session.max_recipients, deadline, caller);
  } else {
    delivery = co_await context_.deliverer.deliver(message, deadline, caller);
  }
  dialog_.stream()->watch_peer(nullptr);
  co_await conclude(message.envelope, content.size(), std::move(delivery));
}

runtime::Task<Result<void>> Session::receive(Content& content) {
  Pace pace(config().session.min_data_rate, config().session.data_timeout);
  while (!content.finished()) {
    if (dialog_.rest().empty()) {
      const TimePoint patience = pace.wait(context_.loop.now());
      auto wire =
          co_await dialog_.receive_octets(login_ ? patience : std::min(patience, login_by_));
      if (!wire) co_return fail(give_up(pace, wire.error()));
      pace.heard(wire->size(), context_.loop.now());
      content.feed(*wire);
      dialog_.give_back(*wire);  // beyond the end: commands
    } else {
      std::string_view wire = dialog_.rest();
      const std::size_t before = wire.size();
      content.feed(wire);
      dialog_.consume(before - wire.size());
    }
    if (!content.finished()) co_await settle(content);
  }
  co_return {};
}

runtime::Task<void> Session::settle(Content& content) {
  const auto settled = co_await content.settle(context_.loop);
  if (!settled) {
    context_.logger.write(log::Level::kError, "storage", {{"error", settled.error().text}},
                          log::Kind::kTransaction);
  }
}

std::optional<relay::Delivery> Session::check_content(const Content& content) {
  if (auto refusal = content.refusal()) {
    auto& metrics = context_.metrics.process();
    if (const auto reason = content.unfit()) {
      metrics.unfit_messages[*reason].add();
    } else if (content.out_of_budget()) {
      metrics.content_refusals.add();
    }
    const std::string_view cause = cause_of(content, *refusal);
    return refused(std::move(*refusal), cause);
  }
  if (auto refusal = check_authors(login_->identity.user(), content.header())) {
    return refused(std::move(*refusal), relay::cause::kAuthorNotAllowed);
  }
  const policy::Charge charge{.messages = 1,
                              .recipients = transaction_->envelope.recipients.size(),
                              .bytes = content.size()};
  auto taken = login_->limits->take(charge, context_.loop.now());
  if (!taken) return refused(over_limit(taken.error()), relay::cause::kUserLimit);
  transaction_->receipt = std::move(*taken);
  if (is_metered()) {
    if (auto refusal = charge_limits(content.size())) {
      return refused(std::move(*refusal), relay::cause::kLimit);
    }
  }
  if (transaction_->story) {
    note_step("limits", fmt::format("within them: {} recipients, {} octets", charge.recipients,
                                    charge.bytes));
  }
  return std::nullopt;
}

message::Message Session::assemble(Content& content) {
  const auto& recipients = transaction_->envelope.recipients;
  const message::Trace trace{
      .ehlo_name = hello_.name,
      .client_ip = client_ip_,
      .tls_version = tls_ ? std::string_view(tls_->version) : std::string_view(),
      .tls_cipher = tls_ ? std::string_view(tls_->cipher) : std::string_view(),
      .hostname = config().hostname,
      .message_id_domain = gate_.settings.header.message_id_domain,
      .hide_client = gate_.settings.header.hide_client,
      .extended = hello_.extended,
      .authenticated = login_ && !login_->mechanism.empty(),
      .smtputf8 = transaction_->envelope.parameters.smtputf8,
      .id = transaction_->id.view(),
      .only_recipient = recipients.size() == 1 ? &recipients.front().forward_path : nullptr,
      .now = context_.wall_time(),
  };
  const message::HeaderFacts& facts = content.header().facts();
  std::vector<config::HeaderField> watched = content.header().watched();
  message::Body body = content.take_body();
  body.set_prefix(message::trace_fields(trace, facts, gate_.settings.header.add));
  return {.id = std::string(transaction_->id.view()),
          .envelope = std::move(transaction_->envelope),
          .body = std::move(body),
          .message_id =
              facts.has_message_id ? content.header().message_id() : message::message_id(trace),
          .has_8bit = content.has_8bit(),
          .has_8bit_header = content.has_8bit_header(),
          .is_binary = content.is_binary(),
          .may_have_dotted_line = content.may_have_dotted_line(),
          .watched_fields = std::move(watched)};
}

relay::Caller Session::caller() const {
  const config::User& user = login_->identity.user();
  return {.user = user.name,
          .groups = user.groups,
          .labels = user.labels,
          .listener = &gate_.settings.address};
}

void Session::charge_for(const relay::Delivery& delivery, std::uint64_t recipients,
                         std::uint64_t size) {
  const bool may_be_there = delivery.outcome == relay::Outcome::kDelivered ||
                            delivery.outcome == relay::Outcome::kUnknown;
  const std::uint64_t refused = std::min<std::uint64_t>(delivery.refused_recipients, recipients);
  const std::uint64_t reached = delivery.reached.value_or(may_be_there ? recipients - refused : 0);
  if (reached > 0) {
    const policy::Charge part{.messages = 1, .recipients = reached, .bytes = size};
    transaction_->receipt.keep(part);
    transaction_->reservation.keep(part);
  }
}

runtime::Task<void> Session::conclude(const message::Envelope& envelope, std::uint64_t size,
                                      relay::Delivery delivery) {
  using enum metrics::Outcome;
  const bool delivered = delivery.outcome == relay::Outcome::kDelivered;
  const bool permanent = delivery.outcome == relay::Outcome::kRefused;
  charge_for(delivery, envelope.recipients.size(), size);
  login_->metrics.message(delivered   ? kAccepted
                          : permanent ? kRejected
                                      : kDeferred,
                          size, envelope.recipients.size());
  login_->metrics.recipients_refused[metrics::RecipientRefusal::kUpstream].add(
      delivery.refused_recipients);
  dialog_.say(delivery.reply, replies::text_for(envelope));
  if (transaction_->story) note_step("reply", delivery.reply.one_line());
  if (delivery.reply.code == 421) open_ = false;
  if (delivered) {
    ++tally_.messages;
    tally_.errors = 0;
    // The client must know as soon as can be, and we whether it could hear us.
    const auto sent = co_await dialog_.flush(after(config().session.command_timeout));
    if (!sent) {
      context_.logger.write(
          log::Level::kWarning, "reply_lost",
          {{"id", transaction_->id.view()}, {"client", client_ip_}, {"error", sent.error().text}},
          log::Kind::kTransaction);
      open_ = false;
    }
  }
  record(envelope, size, std::move(delivery));
  transaction_.reset();
}

}  // namespace sallyport::submission
