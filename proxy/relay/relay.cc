#include "proxy/relay/relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <utility>

#include "proxy/relay/capture_upstream.h"
#include "proxy/relay/cause.h"
#include "proxy/relay/replies.h"
#include "proxy/relay/smtp_upstream.h"

namespace sallyport::relay {
namespace {

using metrics::UpstreamOutcome;
using runtime::Task;

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
    case End::kAbandoned:  // not counted: the upstream did not see the message
      break;
  }
  return UpstreamOutcome::kUnknown;
}

/// What an attempt says about the upstream, as opposed to the message.
std::optional<Health::Trouble> trouble_of(const Attempt& attempt) {
  switch (attempt.end) {
    case End::kAccepted:
    case End::kRefused:
    case End::kUnsuited:
    case End::kAbandoned:
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
      if (attempt.meaning == Meaning::kThrottled || attempt.meaning == Meaning::kConnections ||
          attempt.said().code == 421) {
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
         attempt.end == End::kUnknown || attempt.end == End::kAbandoned ||
         (!attempt.reply && attempt.error.code == ErrorCode::kCancelled);
}

/// Can this upstream never take the message, now or later? One that may outweighs it.
bool is_permanently_unsuited(const Attempt& attempt) {
  return attempt.end == End::kUnsuited && attempt.said().is_permanent();
}

Delivery not_tried(const message::Message& message, smtp::EnhancedCode status, std::string_view why,
                   std::string_view cause) {
  Delivery delivery;
  delivery.reply = not_tried_reply(message, status, why);
  delivery.cause = cause;
  return delivery;
}

Traits traits_of(const message::Message& message) {
  return {.envelope = message.envelope, .size = message.size(), .fields = message.watched_fields};
}

/// An attempt that another one followed, in one line for the log.
std::string in_one_line(const Upstream& upstream, const Attempt& attempt) {
  return fmt::format("{} {}: {}", upstream.config.name, name(attempt.stage),
                     attempt.reply ? one_line(*attempt.reply) : attempt.error.text);
}

}  // namespace

Relay::Relay(runtime::Loop& loop, std::shared_ptr<const Settings> settings)
    : loop_(loop),
      settings_(std::move(settings)),
      router_(settings_->routes),
      random_(std::random_device{}()),
      deliveries_(loop) {}

Result<Relay::Prepared> Relay::prepare(const Surroundings& surroundings,
                                       std::shared_ptr<const Settings> settings,
                                       const Relay* previous) {
  Prepared prepared;
  prepared.settings_ = std::move(settings);
  for (std::size_t i = 0; i < prepared.settings_->upstreams.size(); ++i) {
    const config::Upstream& upstream = prepared.settings_->upstreams[i];
    std::unique_ptr<Dialer> dialer;
    const bool kept = previous != nullptr && previous->find(*prepared.settings_, i);
    if (!kept && !upstream.provider->capture) {
      auto made =
          surroundings.make_dialer(surroundings.loop, upstream, prepared.settings_->files[i]);
      if (!made) {
        return fail(made.error().code,
                    fmt::format("upstream {}: {}", upstream.name, made.error().text));
      }
      dialer = std::move(*made);
    }
    prepared.dialers_.push_back(std::move(dialer));
  }
  return prepared;
}

std::unique_ptr<Relay> Relay::make(const Surroundings& surroundings, Prepared prepared,
                                   const Relay* previous) {
  std::unique_ptr<Relay> relay(new Relay(surroundings.loop, std::move(prepared.settings_)));
  const Settings& settings = *relay->settings_;
  std::random_device random;
  for (std::size_t i = 0; i < settings.upstreams.size(); ++i) {
    if (previous != nullptr) {
      if (auto kept = previous->find(settings, i)) {
        relay->upstreams_.push_back(std::move(kept));
        continue;
      }
    }
    const config::Upstream& upstream = settings.upstreams[i];
    metrics::UpstreamMetrics& metrics = surroundings.metrics.for_upstream(upstream.name);
    if (upstream.provider->capture) {
      relay->upstreams_.push_back(std::make_shared<CaptureUpstream>(
          surroundings.loop, upstream, settings.hostname, metrics, random()));
    } else {
      relay->upstreams_.push_back(std::make_shared<SmtpUpstream>(
          surroundings.loop, upstream, settings.hostname, std::move(prepared.dialers_[i]),
          make_credential(surroundings.loop, upstream, surroundings.tokens),
          surroundings.caps.of(upstream), metrics, surroundings.logger, random()));
    }
  }
  return relay;
}

Result<std::unique_ptr<Relay>> Relay::make(const Surroundings& surroundings,
                                           const std::shared_ptr<const config::Config>& config,
                                           const Relay* previous) {
  auto settings = read_settings(*config);
  if (!settings) return fail(ErrorCode::kInvalid, settings.error().front().str());
  auto prepared =
      prepare(surroundings, std::make_shared<const Settings>(std::move(*settings)), previous);
  if (!prepared) return fail(prepared.error());
  return make(surroundings, std::move(*prepared), previous);
}

std::shared_ptr<Upstream> Relay::find(const Settings& settings, std::size_t index) const {
  if (settings.hostname != settings_->hostname) return nullptr;
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    if (settings_->upstreams[i] == settings.upstreams[index] &&
        settings_->files[i] == settings.files[index]) {
      return upstreams_[i];
    }
  }
  return nullptr;
}

Task<Delivery> Relay::deliver(const message::Message& message, TimePoint deadline, Caller caller) {
  if (draining_ || cut_off_) {
    co_return not_tried(message, {4, 3, 2}, "sallyport is stopping", cause::kStopping);
  }
  const runtime::InFlight::Hold hold = deliveries_.enter();
  co_return co_await try_route(message, deadline, caller);
}

Task<Delivery> Relay::try_route(const message::Message& message, TimePoint deadline,
                                Caller caller) {
  const TimePoint begun = loop_.now();
  const auto found = router_.find(traits_of(message), caller);
  std::vector<config::Target> drawn;
  const auto route =
      found ? router_.order(*found, random_, drawn) : std::span<const config::Target>();
  if (caller.story != nullptr) note(caller, "route", described(found, route));
  Delivery delivery;
  if (found) delivery.route = router_.route(*found).name;
  Upstream* last = nullptr;
  std::optional<Attempt> decisive;
  // An upstream in trouble is passed over as long as another may take the message: those that are
  // well are asked first, then the rest.
  std::vector<config::Target> passed_over;
  for (const bool even_in_trouble : {false, true}) {
    const auto candidates = even_in_trouble ? std::span<const config::Target>(passed_over) : route;
    for (const config::Target& target : candidates) {
      // An attempt may have ended by itself just before everything was cut off.
      const bool over = cut_off_ || loop_.now() >= deadline;
      if (decisive && (over || is_final(*decisive))) break;
      Upstream& upstream = *upstreams_[target.upstream];
      if (!even_in_trouble && !upstream.health.admit(loop_.now())) {
        passed_over.push_back(target);
        note(caller, "passed over", upstream.config.name + ": its last attempts failed");
        continue;
      }
      const std::size_t others =
          route.size() - std::min(route.size(), delivery.attempts + std::size_t{1});
      note(caller, "upstream", upstream.config.name);
      Attempt attempt = co_await try_upstream(upstream, message, others, deadline, caller);
      if (caller.story != nullptr) {
        caller.story->note_verdict(loop_.now(), "verdict", in_one_line(upstream, attempt));
      }
      ++delivery.attempts;
      if (decisive && is_permanently_unsuited(attempt) && !is_permanently_unsuited(*decisive)) {
        delivery.earlier_attempts.push_back(in_one_line(upstream, attempt));
        continue;
      }
      if (decisive) delivery.earlier_attempts.push_back(in_one_line(*last, *decisive));
      decisive = std::move(attempt);
      last = &upstream;
    }
  }
  if (!decisive) {
    co_return not_tried(message, {4, 4, 4}, "no route serves this message", cause::kNoUpstream);
  }

  delivery.outcome = outcome_of(*decisive);
  delivery.reply = client_reply(message, last->config.name, *decisive, settings_->reply);
  delivery.cause = cause_of(*decisive);
  delivery.upstream = last->config.name;
  delivery.upstream_reply = decisive->str();
  delivery.refused_recipients = decisive->recipients_refused;
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
                                  std::size_t others, TimePoint deadline, Caller caller) {
  const Deadlines deadlines =
      Deadlines::shared(loop_.now(), deadline, others, upstream.health.is_troubled());
  Attempt attempt =
      co_await upstream.attempt(message, settings_->partial_rejection, deadlines, caller);
  if (attempt.end == End::kAbandoned) {
    upstream.health.learned_nothing();
    co_return attempt;
  }
  // Nothing was learned if no connection came free: the upstream is only busy.
  if (is_own_shortage(attempt) || attempt.stage == Stage::kLease) {
    upstream.health.learned_nothing();
  } else if (const auto trouble = trouble_of(attempt)) {
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

void Relay::note(const Caller& caller, std::string_view step, std::string_view words) {
  if (caller.story != nullptr) caller.story->note(loop_.now(), step, words);
}

/// Which route it is, and whom it asks in which order.
std::string Relay::described(std::optional<std::size_t> route,
                             std::span<const config::Target> order) const {
  if (!route) return "none serves this message";
  const std::string& name = router_.route(*route).name;
  std::string words = name.empty() ? fmt::format("route {}", *route + 1)
                                   : fmt::format("route {} ({})", *route + 1, name);
  words += " to";
  for (const config::Target& target : order) {
    words += ' ' + settings_->upstreams[target.upstream].name;
  }
  return words;
}

std::uint32_t Relay::max_recipients(const smtp::ReversePath& reverse_path,
                                    const Caller& caller) const {
  std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
  router_.each_possible(reverse_path, caller, [this, &most](const config::Route& route) {
    for (const config::Target& target : route.upstreams) {
      most = std::min(most, upstreams_[target.upstream]->max_recipients());
    }
  });
  return most;
}

void Relay::cut_off() {
  cut_off_ = true;
  for (const std::shared_ptr<Upstream>& upstream : upstreams_) {
    if (upstream) upstream->cut_off();  // null: `drain` has ended it
  }
}

Task<void> Relay::drain(TimePoint deadline) {
  draining_ = true;
  // The last Relay that has an upstream ends it: all of them live on this loop, so the count is
  // exact.
  for (const std::shared_ptr<Upstream>& upstream : upstreams_) {
    if (upstream.use_count() == 1) upstream->retire();
  }
  if (!co_await deliveries_.drained(deadline)) {
    cut_off();
    (void)co_await deliveries_.drained();
  }
  for (std::shared_ptr<Upstream>& upstream : upstreams_) {
    if (upstream.use_count() == 1) co_await upstream->drain();
    upstream.reset();
  }
}

}  // namespace sallyport::relay
