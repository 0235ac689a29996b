#include "auth/sources/make_sources.h"

#include <algorithm>
#include <utility>

#include "auth/sources/https_server.h"
#include "auth/sources/key_store.h"
#include "auth/sources/token_source.h"
#include "auth/sources/webhook_source.h"

namespace sallyport::auth {
namespace {

using config::SourceKind;

std::unique_ptr<Source> source_of(const SourceFiles& files) {
  const config::AuthSource& settings = files.settings;
  auto server = std::make_unique<HttpsServer>(HttpsServer::Options{
      .ca = files.ca, .token = settings.token, .requests = settings.concurrency});
  if (settings.kind == SourceKind::kHttp) {
    return std::make_unique<WebhookSource>(settings, std::move(server));
  }
  std::shared_ptr<KeyStore> keys;
  if (!files.jwks.empty()) {
    // `read_sources` has seen that it is one.
    keys = std::make_shared<KeyStore>(IssuerKeys{
        .issuer = settings.issuer, .keys = KeySet::parse(files.jwks).value_or(KeySet())});
  } else {
    // The server ends what it runs before it dies.
    keys = std::make_shared<KeyStore>(KeyStore::Surroundings{
        .fetch = [settings, &asked = *server] { return fetch_keys(settings, asked); },
        .run = [&asked = *server](std::function<void()> work) { asked.run(std::move(work)); }});
  }
  auto source = TokenSource::make(settings, {.keys = std::move(keys), .server = std::move(server)});
  return source ? std::move(*source) : nullptr;
}

/// A network is an identity by itself.
Granted identity_of(const config::AuthSource& settings) {
  static std::atomic<std::uint64_t> last = 1ull << 63;
  auto grant = std::make_shared<Grant>();
  grant->name = settings.user;
  grant->senders = settings.senders;
  grant->limits = settings.limits;
  grant->groups = settings.groups;
  grant->labels = settings.labels;
  grant->source = settings.name;
  grant->source_id = ++last;
  return grant;
}

}  // namespace

std::expected<std::vector<SourceFiles>, std::vector<config::Problem>> read_sources(
    const config::Config& config, const config::Outside& outside) {
  std::vector<SourceFiles> all;
  std::vector<config::Problem> problems;
  for (const config::AuthSource& settings : config.auth.asked_sources) {
    SourceFiles files{.settings = settings};
    const auto read = [&](const std::string& path, const config::Origin& origin,
                          std::string_view expected, std::string& into) {
      if (path.empty()) return;
      auto text = outside.read_file(path);
      if (text) {
        into = std::move(*text);
      } else {
        problems.push_back({.file = config.file,
                            .line = origin.place.line,
                            .column = origin.place.column,
                            .what = "auth.source: \"" + path + "\" cannot be read: " +
                                    text.error().text + "; expected " + std::string(expected)});
      }
    };
    read(settings.ca, settings.ca_origin, "the path of a PEM file", files.ca);
    if (!config::is_url(settings.jwks)) {
      read(settings.jwks, settings.jwks_origin, "the path of a JWK set", files.jwks);
    }
    if (!files.jwks.empty()) {
      if (const auto keys = KeySet::parse(files.jwks); !keys) {
        problems.push_back({.file = config.file,
                            .line = settings.jwks_origin.place.line,
                            .column = settings.jwks_origin.place.column,
                            .what = "auth.source: jwks is \"" + settings.jwks +
                                    "\": " + keys.error().text + "; expected a JWK set"});
      }
    }
    all.push_back(std::move(files));
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return all;
}

SourcesInForce::One SourcesInForce::make(const SourceFiles& files) const {
  const config::AuthSource& settings = files.settings;
  if (settings.kind == SourceKind::kNetwork) {
    return {.files = files, .source = nullptr, .network = identity_of(settings)};
  }
  auto source = std::make_shared<GuardedSource>(
      GuardedSource::Options{.name = settings.name,
                             .timeout = settings.timeout,
                             .cache_lifetime = settings.cache_lifetime,
                             .grace = settings.grace,
                             .heard = heard_},
      source_of(files));
  source->start();
  return {.files = files, .source = std::move(source), .network = nullptr};
}

std::vector<std::shared_ptr<GuardedSource>> SourcesInForce::replace(
    const std::vector<SourceFiles>& files) {
  std::vector<One> all;
  std::vector<std::shared_ptr<GuardedSource>> sources;
  std::vector<TrustedNetwork> networks;
  all.reserve(files.size());
  for (const SourceFiles& each : files) {
    const auto known = std::ranges::find(all_, each, &One::files);
    all.push_back(known != all_.end() ? *known : make(each));
    const One& one = all.back();
    if (one.source) {
      sources.push_back(one.source);
    } else {
      networks.push_back({.networks = each.settings.networks, .grant = one.network});
    }
  }
  std::vector<std::shared_ptr<GuardedSource>> gone;
  for (const One& one : all_) {
    if (!one.source || std::ranges::find(sources, one.source) != sources.end()) continue;
    one.source->cut_off();
    gone.push_back(one.source);
  }
  all_ = std::move(all);
  list_ = std::make_shared<const SourceList>(std::move(sources), std::move(networks));
  return gone;
}

}  // namespace sallyport::auth
