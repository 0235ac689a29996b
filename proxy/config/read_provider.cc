#include "proxy/config/read_provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "proxy/config/forms.h"
#include "proxy/config/sections.h"

namespace sallyport::config {
namespace {

using std::chrono::hours;

constexpr milliseconds kShortestTimeout{10};

/// "5.4.5": class, subject and detail of RFC 3463.
Form<std::string> enhanced_form() {
  return {.expected = "an enhanced status code such as \"5.4.5\"",
          .read = [](const Node& node) -> std::expected<std::string, std::string> {
            const auto* text = std::get_if<std::string>(&node.value);
            const bool fits = text && !text->empty() && std::ranges::count(*text, '.') == 2 &&
                              text->find_first_not_of("0123456789.") == text->npos &&
                              !text->contains("..") && text->front() != '.' && text->back() != '.';
            if (!fits) return std::unexpected("");
            return *text;
          }};
}

Form<Meaning> meaning_form() {
  using enum Meaning;
  std::vector<std::pair<std::string_view, Meaning>> choices;
  for (const Meaning meaning : {kPlain, kThrottled, kConnections, kQuota, kCredentials, kAccount,
                                kSender, kPermanent, kSuppressed}) {
    choices.emplace_back(name(meaning), meaning);
  }
  return choice_form<Meaning>(std::move(choices));
}

Form<std::string> stage_form() {
  std::vector<std::pair<std::string_view, std::string>> choices;
  choices.reserve(kReplyStages.size());
  for (const std::string_view stage : kReplyStages) choices.emplace_back(stage, stage);
  return choice_form<std::string>(std::move(choices));
}

/// Of a recipient only its own server speaks: its full mailbox is no quota of ours.
bool may_follow_from_rcpt(Meaning meaning) {
  using enum Meaning;
  return meaning == kPlain || meaning == kThrottled || meaning == kPermanent ||
         meaning == kSuppressed;
}

ReplyRule read_reply_rule(const Section& section) {
  ReplyRule rule;
  rule.source = fmt::format("{}:{}", section.problems().file(), section.place().line);
  section.require("means", rule.meaning, meaning_form());
  section.read("code", rule.code, integer_form<int>(200, 599));
  section.read("enhanced", rule.enhanced, enhanced_form());
  section.read("text", rule.text, text_form("the words that the reply begins with"));
  section.read("why", rule.why, text_form("a sentence for the operator"));
  section.read_values("examples", rule.examples, text_form("a reply that the rule is for"));
  if (!section.has("code") && !section.has("enhanced") && !section.has("text")) {
    section.missing("text", "the words, the code or the enhanced code that the reply is known by");
  }
  const bool rcpt = may_follow_from_rcpt(rule.meaning);
  for (const std::string_view stage : kReplyStages) {
    if (stage != "rcpt" || rcpt) rule.stages.emplace_back(stage);
  }
  std::vector<Element<std::string>> stages;
  if (!section.read_list("stages", stages, stage_form(), true)) return rule;
  rule.stages.clear();
  for (Element<std::string>& stage : stages) {
    if (stage.value == "rcpt" && !rcpt) {
      section.problems().add(
          stage.place, fmt::format("{} is \"rcpt\": a reply to RCPT speaks of the recipient, so it "
                                   "cannot mean \"{}\"; expected another stage",
                                   stage.path, name(rule.meaning)));
    }
    rule.stages.push_back(std::move(stage.value));
  }
  return rule;
}

void read_regions(const Section& section, Provider& provider) {
  const Node* node = section.find("regions");
  if (!node) return;
  const auto* table = std::get_if<Table>(&node->value);
  if (!table) {
    section.blame("regions", fmt::format("is {}; expected a table of REGION = \"HOST\"",
                                         describe_type(*node)));
    return;
  }
  provider.host.clear();
  provider.region_hosts.clear();
  const auto form = host_form();
  for (const Entry& entry : table->entries) {
    auto host = form.read(entry.value);
    if (!host) {
      section.problems().add(entry.value.place,
                             fmt::format("{}.{} is {}; expected {}", section.path_of("regions"),
                                         entry.key, describe(entry.value), form.expected));
      continue;
    }
    provider.region_hosts.emplace_back(entry.key, std::move(*host));
  }
}

void read_ports(const Section& section, Provider& provider) {
  const auto ports = section.table("ports", schema::kProviderPorts);
  if (!ports) return;
  const auto form = integer_form<std::uint16_t>(1, 65535);
  provider.implicit_ports.clear();
  provider.starttls_ports.clear();
  ports->read_values("implicit", provider.implicit_ports, form);
  ports->read_values("starttls", provider.starttls_ports, form);
  if (provider.implicit_ports.empty() && provider.starttls_ports.empty()) {
    ports->missing("implicit", "at least one port, under implicit or starttls");
  }
}

void read_caps(const Section& section, Provider& provider) {
  const auto caps = section.table("caps", schema::kProviderCaps);
  if (!caps) return;
  const auto timeout = duration_form(kShortestTimeout, hours(24));
  caps->read("max_recipients", provider.max_recipients, integer_form<std::uint32_t>(1, 1'000'000));
  caps->read("max_message_size", provider.max_message_size, size_form(0, 1ull << 30));
  caps->read("max_connections", provider.max_connections, integer_form<std::uint32_t>(1, 100'000));
  caps->read("max_messages_per_connection", provider.max_messages_per_connection,
             integer_form<std::uint32_t>(1, 1'000'000'000));
  caps->read("max_connection_age", provider.max_connection_age, timeout);
  caps->read("idle_timeout", provider.idle_timeout, timeout);
}

void read_sender(const Section& section, Provider& provider) {
  const auto sender = section.table("sender", schema::kProviderSender);
  if (!sender) return;
  SenderDns& dns = provider.sender;
  sender->read_values("spf", dns.spf, host_form());
  sender->read_values("dkim_selectors", dns.dkim_selectors, host_form());
  sender->read("dkim_hint", dns.dkim_hint, text_form("where the DKIM selectors are found"));
  sender->read("replaces_reverse_path", dns.replaces_reverse_path, boolean_form());
}

}  // namespace

std::vector<ReplyRule> read_reply_rules(const Section& section) {
  std::vector<ReplyRule> rules;
  for (const Section& table : section.tables("reply", schema::kProviderReply)) {
    rules.push_back(read_reply_rule(table));
  }
  return rules;
}

Provider read_provider(const Section& section, Provider base) {
  Provider provider = std::move(base);
  section.require("name", provider.name, text_form("the name of a provider"));
  section.read("title", provider.title, text_form("the name of the provider as people know it"));
  section.read("checked", provider.checked, text_form("the month these facts were checked in"));
  const bool names_host = section.read("host", provider.host, text_form("the host to connect to"));
  if (names_host) provider.region_hosts.clear();
  read_regions(section, provider);
  section.read("default_region", provider.default_region, text_form("a region of the provider"));
  section.read(
      "tls", provider.tls,
      choice_form<TlsMode>({{"implicit", TlsMode::kImplicit}, {"starttls", TlsMode::kStarttls}}));
  section.read("username", provider.username, text_form("the user name that every account has"));
  section.read("username_hint", provider.username_hint,
               text_form("what the user name must be, in words"));
  section.read("login", provider.login, boolean_form());
  section.read("takes_secret_access_key", provider.takes_secret_access_key, boolean_form());
  if (section.has("headers")) {
    provider.headers.clear();
    read_fields(section, "headers", provider.headers);
  }
  if (const auto oauth = section.table("oauth", schema::kProviderOAuth)) {
    oauth->read("token_url", provider.token_url, text_form("the URL of the token endpoint"));
    oauth->read("scope", provider.token_scope, text_form("what an access token is asked for"));
  }
  section.read_values("id_after", provider.id_after,
                      text_form("the words before the message id in the final reply"));
  section.read("id_is_message_id", provider.id_is_message_id, boolean_form());
  read_ports(section, provider);
  read_caps(section, provider);
  read_sender(section, provider);
  auto rules = read_reply_rules(section);
  rules.insert(rules.end(), std::make_move_iterator(provider.replies.begin()),
               std::make_move_iterator(provider.replies.end()));
  provider.replies = std::move(rules);
  return provider;
}

Providers::Providers(const Section& top) {
  const auto built_in = built_in_providers();
  all_.assign(built_in.begin(), built_in.end());
  Names names;
  for (const Section& section : top.tables("provider", schema::kProvider)) {
    std::string name;
    const auto* node = section.find("name");
    if (node && std::holds_alternative<std::string>(node->value)) {
      name = std::get<std::string>(node->value);
      names.take(section, "name", name);
    }
    std::string like = find(name) ? name : "smtp";
    std::vector<std::pair<std::string_view, std::string>> choices;
    for (const std::string_view known : this->names()) choices.emplace_back(known, known);
    section.read("like", like, choice_form<std::string>(std::move(choices)));
    auto provider = std::make_shared<const Provider>(read_provider(section, *find(like)));
    const auto same =
        std::ranges::find(all_, provider->name, [](const auto& other) { return other->name; });
    if (same == all_.end()) {
      all_.push_back(std::move(provider));
    } else {
      *same = std::move(provider);
    }
  }
}

std::shared_ptr<const Provider> Providers::find(std::string_view name) const {
  const auto found =
      std::ranges::find(all_, name, [](const auto& provider) -> auto& { return provider->name; });
  return found == all_.end() ? nullptr : *found;
}

std::vector<std::string_view> Providers::names() const {
  std::vector<std::string_view> names;
  names.reserve(all_.size());
  for (const auto& provider : all_) names.push_back(provider->name);
  return names;
}

}  // namespace sallyport::config
