#include "tests/transcripts/stage.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "auth/password_hash.h"
#include "proxy/config/rate.h"
#include "tests/transcripts/fake_tls.h"

namespace sallyport::transcripts {
namespace {

using namespace std::chrono_literals;

// 2026-01-02 03:04:05 UTC: when every transcript begins.
constexpr auto kDawn = WallTime(std::chrono::seconds(1767323045));

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

config::Rate rate(const std::string& text, bool sizes) {
  const auto rate = config::parse_rate(text, sizes);
  if (!rate) throw std::invalid_argument(rate.error().text);
  return *rate;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::istringstream stream(text);
  std::vector<std::string> parts;
  for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
  return parts;
}

}  // namespace

CapturedLog::CapturedLog() : descriptor_(::memfd_create("transcript-log", 0)) {
  logger_.emplace(log::Logger::Options{
      .format = kFormat, .least = log::Level::kDebug, .descriptor = descriptor_});
}

CapturedLog::~CapturedLog() {
  logger_.reset();
  ::close(descriptor_);
}

std::string CapturedLog::finish() {
  logger_.reset();
  std::string text;
  std::array<char, 4096> block;
  ::lseek(descriptor_, 0, SEEK_SET);
  for (ssize_t count; (count = ::read(descriptor_, block.data(), block.size())) > 0;) {
    text.append(block.data(), static_cast<std::size_t>(count));
  }
  return text;
}

Stage::Stage(runtime::Loop& loop, const Script& script)
    : loop_(loop),
      config_(std::make_shared<config::Config>()),
      metrics_({.version = "test", .started = kDawn}),
      providers_(loop, script.plays_provider()),
      limits_(loop.now()),
      ledger_([&loop, start = loop.now()] { return kDawn + (loop.now() - start); }),
      ids_({1, 2, 3, 4}),
      tasks_(loop) {
  config_->hostname = "mail.example.com";
  config_->listeners.push_back({{"127.0.0.1", 465}, config::TlsMode::kImplicit});
  for (const Step& step : script.steps) {
    if (step.kind == Step::Kind::kDirective && is_setting(step.words.front())) set(step);
  }
  if (users_.empty()) users_.push_back(make_user({"user", "app", "secret"}));
  if (config_->upstreams.empty()) add_upstream({"upstream", "provider"});
  if (config_->routes.empty()) {
    std::vector<std::size_t> all(config_->upstreams.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    config_->routes.push_back({.upstreams = config::in_order(all)});
  }
  surroundings_.emplace(relay::Surroundings{
      .loop = loop_,
      .logger = log_.logger(),
      .metrics = metrics_,
      .caps = caps_,
      .make_dialer = providers_.dialers(),
  });
  auto relay = relay::Relay::make(*surroundings_, config_);
  if (!relay) throw std::invalid_argument(relay.error().text);
  relay_ = std::move(*relay);
  budget_.emplace(config_->message.budget);
  auto users = auth::UserTable::build(users_);
  if (!users) throw std::invalid_argument(users.error().text);
  auth::Authenticator::Options options;
  if (authenticator_fails_) {
    options.verify_password = [](const std::string&, const Secret&) -> Result<bool> {
      return fail(ErrorCode::kSystem, "out of memory");
    };
  }
  authenticator_.emplace(std::move(options), std::move(*users));
  if (!networks_without_login_.empty()) {
    authenticator_->replace_sources(std::make_shared<const auth::SourceList>(
        std::vector<std::shared_ptr<auth::GuardedSource>>(), networks_without_login_));
  }
  const TimePoint start = loop.now();
  context_ = std::make_unique<submission::Context>(submission::Context{
      .loop = loop_,
      .authenticator = *authenticator_,
      .limits = limits_,
      .budget = *budget_,
      .deliverer = *relay_,
      .metrics = metrics_,
      .logger = log_.logger(),
      .networks = networks_,
      .ids = ids_,
      .wall_time = [this, start] { return kDawn + (loop_.now() - start); },
      .accept_tls = accept_fake_tls,
      .ledger = &ledger_,
  });
}

Stage::~Stage() = default;

bool Stage::is_setting(const std::string& directive) {
  static const std::set<std::string> settings = {
      "listener", "user", "upstream", "set", "segments", "authenticator-fails", "route", "network"};
  return settings.contains(directive);
}

void Stage::set(const Step& step) {
  const auto& words = step.words;
  if (words[0] == "authenticator-fails") {
    authenticator_fails_ = true;
  } else if (words[0] == "segments") {
    // Read by who decides how it is run.
  } else if (words[0] == "user" && words.size() >= 3) {
    users_.push_back(make_user(words));
  } else if (words[0] == "network" && words.size() >= 3) {
    trust_network(words);
  } else if (words[0] == "upstream" && words.size() >= 2) {
    add_upstream(words);
  } else if (words[0] == "route" && words.size() >= 2) {
    add_route(words);
  } else if (words[0] == "set" && words.size() == 3) {
    set_value(words[1], words[2]);
  } else if (words[0] == "listener" && words.size() >= 2) {
    set_listener(words);
  } else {
    throw std::invalid_argument("line " + std::to_string(step.line) + ": wrong arguments");
  }
}

void Stage::set_listener(const std::vector<std::string>& words) {
  config::Listener& listener = config_->listeners.front();
  listener.tls = words[1] == "implicit"   ? config::TlsMode::kImplicit
                 : words[1] == "starttls" ? config::TlsMode::kStarttls
                                          : config::TlsMode::kNone;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string key = words[i].substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : words[i].substr(equals + 1);
    if (key == "proxy_protocol") {
      const auto network = IpNetwork::parse(value);
      if (!network) throw std::invalid_argument("@listener: no network: " + value);
      listener.proxy_protocol.push_back(*network);
    } else if (key == "greeting_delay") {
      listener.greeting_delay = std::chrono::seconds(number(value));
    } else if (key == "compat") {
      listener.compat = true;
    } else if (key == "remove") {
      listener.header.remove = split(value, ',');
    } else if (key == "add") {
      const std::size_t colon = value.find(':');
      listener.header.add.push_back({value.substr(0, colon), value.substr(colon + 1)});
    } else if (key == "message_id_domain") {
      listener.header.message_id_domain = value;
    } else if (key == "hide_client") {
      listener.header.hide_client = true;
    } else {
      throw std::invalid_argument("@listener knows no " + key);
    }
  }
}

void Stage::set_value(const std::string& key, const std::string& value) {
  auto& session = config_->session;
  auto& message = config_->message;
  const auto set32 = [&](std::uint32_t& target) {
    return [&] { target = static_cast<std::uint32_t>(number(value)); };
  };
  const auto set64 = [&](std::uint64_t& target) { return [&] { target = number(value); }; };
  const auto seconds = [&](std::chrono::milliseconds& target) {
    return [&] { target = std::chrono::seconds(number(value)); };
  };
  const std::map<std::string, std::function<void()>> keys = {
      {"max_recipients", set32(session.max_recipients)},
      {"max_messages", set32(session.max_messages)},
      {"max_errors", set32(session.max_errors)},
      {"max_auth_failures", set32(session.max_auth_failures)},
      {"max_connections_per_network", set32(session.max_connections_per_network)},
      {"max_commands_before_login", set32(session.max_commands_before_login)},
      {"max_idle_commands", set32(session.max_idle_commands)},
      {"min_data_rate", set64(session.min_data_rate)},
      {"max_age", seconds(session.max_age)},
      {"greeting_timeout", seconds(session.greeting_timeout)},
      {"login_timeout", seconds(session.login_timeout)},
      {"command_timeout", seconds(session.command_timeout)},
      {"data_timeout", seconds(session.data_timeout)},
      {"upstream_timeout", seconds(session.upstream_timeout)},
      {"max_size", set64(message.max_size)},
      {"max_header_size", set64(message.max_header_size)},
      {"memory_threshold", set64(message.memory_threshold)},
      {"budget", set64(message.budget)},
      {"disabled_extensions",
       [&] { config_->listeners.front().disabled_extensions = split(value, ','); }},
      {"mechanisms", [&] { config_->auth.mechanisms = split(value, ','); }},
      {"partial_rejection",
       [&] {
         config_->partial_rejection = config::PartialRejection::kDeliver;
         session.overflow = config::Overflow::kClient;
       }},
      {"overflow",
       [&] {
         session.overflow = value == "split"    ? config::Overflow::kSplit
                            : value == "client" ? config::Overflow::kClient
                                                : config::Overflow::kReject;
       }},
      {"reply", [&] { session.reply = config::ReplyWords::kOurs; }},
      {"directory", [&] { message.directory = value; }},
      {"limit", [&] { config_->limit_rules.push_back(make_limit(split(value, ','))); }},
  };
  const auto found = keys.find(key);
  if (found == keys.end()) throw std::invalid_argument("@set knows no " + key);
  found->second();
}

void Stage::trust_network(const std::vector<std::string>& words) {
  const auto network = IpNetwork::parse(words[1]);
  if (!network) throw std::invalid_argument("@network: no network: " + words[1]);
  std::vector<std::string> as_user = words;
  as_user[1] = words[2];
  const config::User user = make_user(as_user);
  auto grant = std::make_shared<auth::Grant>();
  grant->name = user.name;
  grant->senders = user.senders;
  grant->limits = user.limits;
  grant->source = "network";
  grant->source_id = networks_without_login_.size() + 1;
  networks_without_login_.push_back({.networks = {*network}, .grant = std::move(grant)});
}

/// The key (or a label in braces), the unit and the rate, and "observe" or nothing.
config::LimitRule Stage::make_limit(const std::vector<std::string>& words) {
  const std::map<std::string, config::LimitKey> keys = {
      {"user", config::LimitKey::kUser},
      {"recipient_domain", config::LimitKey::kRecipientDomain},
      {"process", config::LimitKey::kProcess}};
  config::LimitRule limit{.name = words.at(0), .key = keys.at(words.at(0))};
  const bool bytes = words.at(1) == "bytes";
  auto& windows = bytes                         ? limit.bytes
                  : words.at(1) == "recipients" ? limit.recipients
                                                : limit.messages;
  windows.push_back({.rate = rate(words.at(2), bytes)});
  limit.observe = words.size() > 3;
  return limit;
}

config::User Stage::make_user(const std::vector<std::string>& words) {
  config::User user;
  user.name = words[1];
  // As cheap as argon2id can be: what is tested here is what is said.
  user.password_hash =
      *auth::hash_password(Secret(words[2]), {.memory_kib = 8, .passes = 1, .lanes = 1});
  for (std::size_t i = 3; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string key = words[i].substr(0, equals);
    const std::string value = words[i].substr(equals + 1);
    if (key == "senders") {
      for (const auto& pattern : split(value, ',')) {
        user.senders.push_back(*config::AddressPattern::parse(pattern));
      }
    } else if (key == "groups") {
      user.groups = split(value, ',');
    } else if (key == "messages") {
      user.limits.messages = rate(value, false);
    } else if (key == "recipients") {
      user.limits.recipients = rate(value, false);
    } else if (key == "bytes") {
      user.limits.bytes = rate(value, true);
    } else if (key == "connections") {
      user.limits.connections = static_cast<std::uint32_t>(number(value));
    } else {
      throw std::invalid_argument("@user knows no " + key);
    }
  }
  return user;
}

void Stage::reload_with_user(const std::vector<std::string>& words) {
  config::User user = make_user(words);
  const auto before = std::ranges::find(users_, user.name, &config::User::name);
  if (before == users_.end()) {
    users_.push_back(std::move(user));
  } else {
    // A reload that changes only what a user may do leaves the hash as it is.
    const auto same = auth::verify_password(before->password_hash, Secret(words[2]));
    if (same && *same) user.password_hash = before->password_hash;
    *before = std::move(user);
  }
  reload_users();
}

void Stage::reload_without_user(const std::string& name) {
  std::erase_if(users_, [&](const config::User& user) { return user.name == name; });
  reload_users();
}

void Stage::reload_users() {
  const auto users = auth::UserTable::build(users_);
  if (!users) throw std::invalid_argument(users.error().text);
  authenticator_->replace_users(*users);
  limits_.update([&](std::string_view name) { return (*users)->find(name); }, loop_.now());
}

void Stage::add_upstream(const std::vector<std::string>& words) {
  config::Upstream upstream;
  upstream.name = words[1];
  upstream.host = words[1] + ".example";
  upstream.port = 465;
  upstream.username = "gateway";
  upstream.password = Secret("pass");
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (words[i] == "unreachable") {
      providers_.make_unreachable(upstream.name);
    } else if (words[i] == "untrusted") {
      providers_.make_untrusted(upstream.name);
    } else if (words[i] == "clear") {
      upstream.tls = config::TlsMode::kNone;
    } else if (words[i] == "open") {
      upstream.username.clear();
    } else if (words[i].starts_with("max_recipients=")) {
      upstream.max_recipients =
          static_cast<std::uint32_t>(number(words[i].substr(words[i].find('=') + 1)));
    } else {
      throw std::invalid_argument("@upstream knows no " + words[i]);
    }
  }
  config_->upstreams.push_back(std::move(upstream));
}

void Stage::add_route(const std::vector<std::string>& words) {
  config::Route route;
  std::vector<std::size_t> upstreams;
  for (const std::string& name : split(words[1], ',')) {
    const auto found = std::ranges::find(config_->upstreams, name, &config::Upstream::name);
    if (found == config_->upstreams.end())
      throw std::invalid_argument("@route: no upstream " + name);
    upstreams.push_back(static_cast<std::size_t>(found - config_->upstreams.begin()));
  }
  route.upstreams = config::in_order(upstreams);
  const auto patterns = [](const std::string& value) {
    std::vector<config::AddressPattern> all;
    for (const auto& each : split(value, ',')) all.push_back(*config::AddressPattern::parse(each));
    return all;
  };
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string key = words[i].substr(0, equals);
    const std::string value = words[i].substr(equals + 1);
    const std::size_t colon = value.find(':');
    const std::map<std::string, std::function<void()>> keys = {
        {"name", [&] { route.name = value; }},
        {"users", [&] { route.users = split(value, ','); }},
        {"groups", [&] { route.groups = split(value, ','); }},
        {"senders", [&] { route.senders = patterns(value); }},
        {"authors", [&] { route.authors = patterns(value); }},
        {"recipients", [&] { route.recipients = patterns(value); }},
        {"header",
         [&] { route.header.push_back({value.substr(0, colon), value.substr(colon + 1)}); }},
        {"min_size", [&] { route.min_size = number(value); }},
    };
    if (!keys.contains(key)) throw std::invalid_argument("@route knows no " + key);
    keys.at(key)();
  }
  config_->routes.push_back(std::move(route));
}

std::unique_ptr<support::MemoryStream> Stage::connect() {
  auto [client, server] = support::MemoryStream::pair(loop_);
  const config::Listener& listener = config_->listeners.front();
  sessions_.emplace_back(*context_, submission::SessionSnapshot{config_, nullptr},
                         submission::Gate{listener, metrics_.for_listener("127.0.0.1:465")},
                         std::move(server), "192.0.2.1");
  tasks_.spawn(host(std::prev(sessions_.end())));
  return std::move(client);
}

runtime::Task<void> Stage::host(std::list<submission::Session>::iterator session) {
  co_await session->run();
  sessions_.erase(session);
}

void Stage::drain() {
  for (auto& session : sessions_) session.drain();
}

void Stage::abort() {
  for (auto& session : sessions_) session.abort();
}

runtime::Task<bool> Stage::ended() {
  const auto ended = co_await tasks_.join(loop_.after(10min));
  co_await relay_->drain(loop_.now());
  co_await providers_.join();
  co_return ended.has_value();
}

}  // namespace sallyport::transcripts
