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
#include "proxy/relay/tenants.h"

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

/// Does it say that mail comes too fast?
bool says_too_fast(const Attempt& attempt) {
  return attempt.end == End::kDeferred && attempt.meaning == Meaning::kThrottled;
}

/// What the operator must mend; nullopt: the upstream is well, and so may others' mail be.
std::optional<Health::Trouble> misconfiguration(const Attempt& attempt) {
  // Another sender may be verified.
  if (attempt.meaning == Meaning::kSender) return std::nullopt;
  if (attempt.meaning == Meaning::kAccount) return Health::Trouble::kAccount;
  return attempt.stage == Stage::kTls ? Health::Trouble::kTls : Health::Trouble::kLogin;
}

/// What an attempt says about the upstream, as opposed to the message. `paced`: where it says that
/// mail comes too fast, the pace is slowed down, and the upstream is not left alone.
std::optional<Health::Trouble> trouble_of(const Attempt& attempt, bool paced) {
  switch (attempt.end) {
    case End::kAccepted:
    case End::kRefused:
    case End::kUnsuited:
    case End::kAbandoned:
      return std::nullopt;
    case End::kMisconfigured:
      return misconfiguration(attempt);
    case End::kFailed:
    case End::kUnknown:
      return Health::Trouble::kUnreachable;
    case End::kDeferred:
      if (attempt.meaning == Meaning::kQuota) return Health::Trouble::kQuota;
      if (paced && says_too_fast(attempt)) return std::nullopt;
      if (attempt.meaning == Meaning::kThrottled || attempt.meaning == Meaning::kConnections ||
          attempt.said().code == 421) {
        return Health::Trouble::kThrottled;
      }
      if (attempt.stage < Stage::kRset) return Health::Trouble::kUnreachable;
      return std::nullopt;
  }
  return std::nullopt;
}

std::string words_of(const Attempt& attempt) {
  return attempt.reply ? one_line(*attempt.reply) : attempt.error.text;
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
  return fmt::format("{} {}: {}", upstream.config.name, name(attempt.stage), words_of(attempt));
}

Result<Secret> read_password(const std::string& path) {
  return config::read_secret_file(config::Outside::real(), path);
}

/// Makes the upstreams of the tenants of upstream `index`.
TenantUpstream::Make tenants_of(const Surroundings& surroundings, const Settings& settings,
                                std::size_t index) {
  return [surroundings, hostname = settings.hostname, files = settings.files[index]](
             config::Upstream upstream) -> Result<std::shared_ptr<Upstream>> {
    auto dialer = surroundings.make_dialer(surroundings.loop, upstream, files);
    if (!dialer) return fail(dialer.error());
    auto cap = surroundings.caps.of(upstream, credential_of(upstream));
    auto credential = make_credential(surroundings.loop, upstream, surroundings.tokens);
    auto& metrics = surroundings.metrics.for_upstream(upstream.name);
    return std::make_shared<SmtpUpstream>(surroundings.loop, std::move(upstream), hostname,
                                          std::move(*dialer), std::move(credential), std::move(cap),
                                          metrics, surroundings.logger);
  };
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
          surroundings.loop, upstream, settings.hostname, metrics, surroundings.caps.of(upstream)));
    } else if (config::is_per_tenant(upstream)) {
      relay->upstreams_.push_back(std::make_shared<TenantUpstream>(
          surroundings.loop, upstream, metrics, surroundings.caps.of(upstream), surroundings.logger,
          tenants_of(surroundings, settings, i), read_password));
    } else {
      relay->upstreams_.push_back(std::make_shared<SmtpUpstream>(
          surroundings.loop, upstream, settings.hostname, std::move(prepared.dialers_[i]),
          make_credential(surroundings.loop, upstream, surroundings.tokens),
          surroundings.caps.of(upstream), metrics, surroundings.logger));
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
  std::vector<std::shared_ptr<Upstream>> tenants;  // those that were asked, kept until the end
  for (const bool even_in_trouble : {false, true}) {
    const auto candidates = even_in_trouble ? std::span<const config::Target>(passed_over) : route;
    for (const config::Target& target : candidates) {
      // An attempt may have ended by itself just before everything was cut off.
      const bool over = cut_off_ || loop_.now() >= deadline;
      if (decisive && (over || is_final(*decisive))) break;
      Upstream* upstream = upstreams_[target.upstream].get();
      std::optional<Attempt> no_tenant;
      if (upstream->is_per_tenant()) {
        auto tenant = co_await upstream->of(caller);
        if (tenant) {
          upstream = tenants.emplace_back(std::move(*tenant)).get();
        } else {
          no_tenant = std::move(tenant.error());
        }
      }
      if (!no_tenant && !even_in_trouble && !admits(*upstream, message)) {
        passed_over.push_back(target);
        if (caller.story != nullptr) {
          note(caller, "passed over",
               upstream->config.name + (upstream->shared->health.is_troubled()
                                            ? ": its last attempts failed"
                                            : ": it takes no more for now"));
        }
        continue;
      }
      const std::size_t others =
          route.size() - std::min(route.size(), delivery.attempts + std::size_t{1});
      note(caller, "upstream", upstream->config.name);
      Attempt attempt;
      if (no_tenant) {
        attempt = *std::move(no_tenant);
      } else {
        attempt = co_await try_upstream(*upstream, message, others, deadline, caller);
      }
      if (caller.story != nullptr) {
        caller.story->note_verdict(loop_.now(), "verdict", in_one_line(*upstream, attempt));
      }
      ++delivery.attempts;
      if (decisive && is_permanently_unsuited(attempt) && !is_permanently_unsuited(*decisive)) {
        delivery.earlier_attempts.push_back(in_one_line(*upstream, attempt));
        continue;
      }
      if (decisive) delivery.earlier_attempts.push_back(in_one_line(*last, *decisive));
      decisive = std::move(attempt);
      last = upstream;
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

/// Is the upstream worth asking now, while others of the route are left? If so, `settle` follows.
bool Relay::admits(Upstream& upstream, const message::Message& message) const {
  const Pace& pace = upstream.shared->pace;
  if (pace.is_limited() &&
      pace.is_used_up(pace.units(message.envelope.recipients.size()), loop_.now())) {
    return false;
  }
  return upstream.shared->health.admit(loop_.now());
}

/// Waits for a turn of the upstream's pace; why there was none, if there was none.
Task<std::optional<Attempt>> Relay::wait_for_turn(Upstream& upstream,
                                                  const message::Message& message,
                                                  const Deadlines& deadlines, Caller caller) {
  Pace& pace = upstream.shared->pace;
  const std::uint64_t units = pace.units(message.envelope.recipients.size());
  if (pace.is_used_up(units, loop_.now())) {
    co_return failure(Stage::kLease,
                      {ErrorCode::kLimit, fmt::format("the {} that may go to it within 24 hours "
                                                      "have gone",
                                                      upstream.config.pace.daily)});
  }
  const bool may_go = co_await upstream.turns.turn(units, deadlines.waiting_ends(loop_.now()),
                                                   caller, upstream.config.max_waiting);
  if (may_go) co_return std::nullopt;
  if (caller.has_gone()) co_return abandoned(Stage::kLease);
  if (cut_off_) {
    co_return failure(Stage::kLease, {ErrorCode::kCancelled, "sallyport is stopping"});
  }
  co_return failure(Stage::kLease,
                    {ErrorCode::kLimit, "more mail waits for it than its rate lets go in time"});
}

Task<Attempt> Relay::try_upstream(Upstream& upstream, const message::Message& message,
                                  std::size_t others, TimePoint deadline, Caller caller) {
  Deadlines deadlines =
      Deadlines::shared(loop_.now(), deadline, others, upstream.shared->health.is_troubled());
  deadlines.waiting = upstream.config.max_wait;
  if (others > 0)
    deadlines.waiting = std::min<Duration>(deadlines.waiting, upstream.config.spill_after);
  if (upstream.shared->pace.is_limited()) {
    auto refused = co_await wait_for_turn(upstream, message, deadlines, caller);
    if (refused) {
      upstream.shared->health.learned_nothing();
      co_return std::move(*refused);
    }
  }
  Attempt attempt =
      co_await upstream.attempt(message, settings_->partial_rejection, deadlines, caller);
  settle(upstream, message, attempt);
  co_return attempt;
}

/// Notes what an attempt tells of the upstream.
void Relay::settle(Upstream& upstream, const message::Message& message, const Attempt& attempt) {
  Health& health = upstream.shared->health;
  if (attempt.end == End::kAbandoned) return health.learned_nothing();
  Pace& pace = upstream.shared->pace;
  if (pace.is_limited()) {
    const std::uint64_t units = pace.units(message.envelope.recipients.size());
    if (says_too_fast(attempt)) pace.throttled(loop_.now());
    if (attempt.end == End::kAccepted) pace.accepted(units, loop_.now());
    upstream.metrics.pace.set(static_cast<std::int64_t>(pace.allowed(loop_.now()) * 60));
    upstream.metrics.today.set(static_cast<std::int64_t>(pace.today(loop_.now())));
  }
  // Nothing was learned if no connection came free: the upstream is only busy.
  if (is_own_shortage(attempt) || attempt.stage == Stage::kLease) {
    health.learned_nothing();
  } else if (const auto trouble = trouble_of(attempt, pace.is_limited())) {
    health.failed(*trouble, loop_.now(), words_of(attempt));
    upstream.metrics.troubles[static_cast<metrics::Trouble>(*trouble)].set(1);
  } else if (health.succeeded(loop_.now())) {
    for (std::size_t i = 0; i < Health::kTroubles; ++i) {
      upstream.metrics.troubles[static_cast<metrics::Trouble>(i)].set(0);
    }
  }
  if (attempt.meaning == Meaning::kCredentials) upstream.metrics.auth_failures.add();
  if (attempt.meaning == Meaning::kAccount || attempt.meaning == Meaning::kSender) {
    upstream.metrics.account_failures.add();
  }
  upstream.metrics.message(counted_as(attempt.end), message.size(),
                           message.envelope.recipients.size());
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
