#include "proxy/relay/relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <random>
#include <sstream>
#include <utility>

#include "proxy/relay/capture_upstream.h"
#include "proxy/relay/replies.h"
#include "proxy/relay/smtp_upstream.h"

namespace sallyport::relay {
namespace {

using metrics::UpstreamOutcome;
using runtime::Task;

Result<std::string> read_file(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (!file || !(content << file.rdbuf())) {
    return fail(ErrorCode::kSystem, fmt::format("{}: {}", path, std::strerror(errno)));
  }
  return std::move(content).str();
}

/// What the metrics call it.
UpstreamOutcome counted_as(End end) {
  switch (end) {
    case End::kAccepted:
      return UpstreamOutcome::kAccepted;
    case End::kRefused:
      return UpstreamOutcome::kRejected;
    case End::kUnsuited:
      return UpstreamOutcome::kUnsuited;
    case End::kDeferred:
      return UpstreamOutcome::kDeferred;
    case End::kMisconfigured:
    case End::kFailed:
      return UpstreamOutcome::kFailed;
    case End::kUnknown:
      return UpstreamOutcome::kUnknown;
  }
  return UpstreamOutcome::kUnknown;
}

/// What an attempt says about the upstream, as opposed to the message.
std::optional<Health::Trouble> trouble_of(const Attempt& attempt) {
  switch (attempt.end) {
    case End::kAccepted:
    case End::kRefused:
    case End::kUnsuited:
      return std::nullopt;
    case End::kMisconfigured:
      // Another sender may be verified: the upstream is well.
      if (attempt.meaning == Meaning::kSender) return std::nullopt;
      return Health::Trouble::kMisconfigured;
    case End::kFailed:
    case End::kUnknown:
      return Health::Trouble::kUnreachable;
    case End::kDeferred:
      if (attempt.meaning == Meaning::kQuota) return Health::Trouble::kQuota;
      if (attempt.meaning == Meaning::kThrottled ||
          attempt.meaning == Meaning::kConnections || attempt.said().code == 421) {
        return Health::Trouble::kThrottled;
      }
      if (attempt.stage < Stage::kRset) return Health::Trouble::kUnreachable;
      return std::nullopt;
  }
  return std::nullopt;
}

/// Is it no use to ask another upstream, or forbidden?
bool is_final(const Attempt& attempt) {
  return attempt.end == End::kAccepted || attempt.end == End::kRefused ||
         attempt.end == End::kUnknown ||
         (!attempt.reply && attempt.error.code == ErrorCode::kCancelled);
}

/// Can this upstream never take the message, now or later? One that may outweighs it.
bool is_hopeless(const Attempt& attempt) {
  return attempt.end == End::kUnsuited && attempt.said().is_permanent();
}

Delivery not_tried(const message::Message& message, smtp::EnhancedCode status,
                   std::string_view why) {
  Delivery delivery;
  delivery.reply = not_tried_reply(message, status, why);
  delivery.upstream_reply = why;
  return delivery;
}

}  // namespace

Relay::Relay(runtime::Loop& loop, std::shared_ptr<const config::Config> config)
    : loop_(loop), config_(std::move(config)), router_(config_->routes), all_done_(loop) {}

Result<std::unique_ptr<Relay>> Relay::make(const Surroundings& surroundings,
                                           std::shared_ptr<const config::Config> config,
                                           const Relay* previous) {
  std::unique_ptr<Relay> relay(new Relay(surroundings.loop, std::move(config)));
  // All dialers first: an upstream that was made would have to be drained if another can't be.
  std::vector<std::unique_ptr<Dialer>> dialers;
  for (const config::Upstream& upstream : relay->config_->upstreams) {
    auto ca_pem = read_file(upstream.ca);
    if (!ca_pem) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("upstream {}: {}", upstream.name, ca_pem.error().text));
    }
    const Member* kept = nullptr;
    if (previous != nullptr && previous->config_->hostname == relay->config_->hostname) {
      kept = previous->find(upstream, *ca_pem);
    }
    std::unique_ptr<Dialer> dialer;
    if (kept == nullptr && !upstream.provider->capture) {
      auto made = surroundings.make_dialer(surroundings.loop, upstream, *ca_pem);
      if (!made) {
        return fail(made.error().code,
                    fmt::format("upstream {}: {}", upstream.name, made.error().text));
      }
      dialer = std::move(*made);
    }
    dialers.push_back(std::move(dialer));
    relay->members_.push_back(kept ? *kept : Member{nullptr, std::move(*ca_pem)});
  }

  std::random_device random;
  for (std::size_t i = 0; i < relay->members_.size(); ++i) {
    if (relay->members_[i].upstream) continue;
    const config::Upstream& upstream = relay->config_->upstreams[i];
    metrics::UpstreamMetrics& metrics = surroundings.metrics.for_upstream(upstream.name);
    if (upstream.provider->capture) {
      relay->members_[i].upstream = std::make_shared<CaptureUpstream>(
          surroundings.loop, upstream, relay->config_->hostname, metrics, random());
    } else {
      relay->members_[i].upstream = std::make_shared<SmtpUpstream>(
          surroundings.loop, upstream, relay->config_->hostname, std::move(dialers[i]),
          surroundings.caps.of(upstream), metrics, surroundings.logger, random());
    }
  }
  return relay;
}

const Relay::Member* Relay::find(const config::Upstream& upstream,
                                 const std::string& ca_pem) const {
  const auto found = std::ranges::find_if(members_, [&](const Member& member) {
    return member.upstream->config == upstream && member.ca_pem == ca_pem;
  });
  return found == members_.end() ? nullptr : &*found;
}

Task<Delivery> Relay::deliver(const message::Message& message, TimePoint deadline) {
  if (draining_) co_return not_tried(message, {4, 3, 2}, "sallyport is stopping");
  ++deliveries_;
  Delivery delivery = co_await try_route(message, deadline);
  if (--deliveries_ == 0) all_done_.set();
  co_return delivery;
}

Task<Delivery> Relay::try_route(const message::Message& message, TimePoint deadline) {
  const TimePoint begun = loop_.now();
  const auto route = router_.upstreams_for(message.envelope.reverse_path);
  Delivery delivery;
  Upstream* last = nullptr;
  std::optional<Attempt> decisive;
  // An upstream in trouble is passed over as long as the route has another.
  for (const bool even_in_trouble : {false, true}) {
    for (const std::size_t index : route) {
      if (decisive && (is_final(*decisive) || loop_.now() >= deadline)) break;
      Upstream& upstream = *members_[index].upstream;
      if (!even_in_trouble && !upstream.health.admit(loop_.now())) continue;
      Attempt attempt = co_await try_upstream(upstream, message, deadline);
      ++delivery.attempts;
      if (decisive && is_hopeless(attempt) && !is_hopeless(*decisive)) continue;
      decisive = std::move(attempt);
      last = &upstream;
    }
    if (decisive) break;
  }
  if (!decisive) co_return not_tried(message, {4, 4, 4}, "no upstream serves this sender");

  delivery.outcome = outcome_of(*decisive);
  delivery.reply = client_reply(message, last->config.name, *decisive);
  delivery.upstream = last->config.name;
  delivery.upstream_reply = decisive->str();
  delivery.reused_connection = decisive->reused_connection;
  delivery.upstream_time = decisive->took;
  if (decisive->end == End::kAccepted) {
    delivery.upstream_id = message_id_in(*last->config.provider, decisive->said());
    if (last->config.provider->id_is_message_id) delivery.upstream_id = message.message_id;
  }
  last->metrics.delivery.observe(loop_.now() - begun);
  co_return delivery;
}

Task<Attempt> Relay::try_upstream(Upstream& upstream, const message::Message& message,
                                  TimePoint deadline) {
  Attempt attempt = co_await upstream.attempt(message, config_->partial_rejection, deadline);
  if (const auto trouble = trouble_of(attempt)) {
    upstream.health.failed(*trouble, loop_.now());
  } else {
    upstream.health.succeeded();
  }
  if (attempt.meaning == Meaning::kCredentials) upstream.metrics.auth_failures.add();
  if (attempt.meaning == Meaning::kAccount || attempt.meaning == Meaning::kSender) {
    upstream.metrics.account_failures.add();
  }
  upstream.metrics.message(counted_as(attempt.end), message.size(),
                           message.envelope.recipients.size());
  co_return attempt;
}

std::uint32_t Relay::max_recipients(const smtp::ReversePath& reverse_path) const {
  std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
  for (const std::size_t index : router_.upstreams_for(reverse_path)) {
    most = std::min(most, members_[index].upstream->max_recipients());
  }
  return most;
}

Task<void> Relay::drain(TimePoint deadline) {
  draining_ = true;
  if (deliveries_ > 0 && !co_await all_done_.wait(deadline)) {
    for (const Member& member : members_) member.upstream->cut_off();
    (void)co_await all_done_.wait();
  }
  for (Member& member : members_) {
    // The last Relay that has it ends it: all of them live on this loop, so the count is exact.
    if (member.upstream.use_count() == 1) co_await member.upstream->drain();
    member.upstream.reset();
  }
}

}  // namespace sallyport::relay
