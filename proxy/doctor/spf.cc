#include "proxy/doctor/spf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/ip_address.h"

namespace sallyport::doctor {
namespace {

using runtime::Task;

constexpr std::string_view kVersion = "v=spf1";
// Records that are read for one domain: past kMostLookups the verdict is known, and no record of
// others shall make us ask without end.
constexpr std::size_t kMostRecords = 40;

struct Name {
  std::string_view text;
  SpfKind kind;
};
constexpr auto kMechanisms = std::to_array<Name>({{"all", SpfKind::kAll},
                                                  {"include", SpfKind::kInclude},
                                                  {"a", SpfKind::kA},
                                                  {"mx", SpfKind::kMx},
                                                  {"ptr", SpfKind::kPtr},
                                                  {"ip4", SpfKind::kIp4},
                                                  {"ip6", SpfKind::kIp6},
                                                  {"exists", SpfKind::kExists}});

bool is_modifier_name(std::string_view name) {
  return !name.empty() && ascii::is_alpha(name.front()) && std::ranges::all_of(name, [](char c) {
    return ascii::is_alnum(c) || c == '-' || c == '_' || c == '.';
  });
}

bool is_prefix_length(std::string_view text, unsigned most) {
  if (text.empty() || text.size() > 3 || !std::ranges::all_of(text, ascii::is_digit)) return false;
  unsigned length = 0;
  for (const char c : text) length = length * 10 + static_cast<unsigned>(c - '0');
  return length <= most;
}

bool is_network(std::string_view text, SpfKind kind) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(std::string(text.substr(0, slash)));
  const bool is_v6 = text.substr(0, slash).contains(':');
  if (!address || is_v6 != (kind == SpfKind::kIp6)) return false;
  return slash == std::string_view::npos ||
         is_prefix_length(text.substr(slash + 1), is_v6 ? 128 : 32);
}

/// The octets of a network's address, and how many bits of them count; of the form that
/// `is_network` takes.
std::pair<IpAddress, unsigned> parts_of(std::string_view network) {
  const auto slash = network.find('/');
  const std::string_view literal = network.substr(0, slash);
  unsigned length = literal.contains(':') ? 128 : 32;
  if (slash != std::string_view::npos) {
    length = 0;
    for (const char c : network.substr(slash + 1))
      length = length * 10 + static_cast<unsigned>(c - '0');
  }
  // IPv4 addresses are kept in their IPv6 form.
  return {IpAddress::parse(literal).value_or(IpAddress()),
          length + (literal.contains(':') ? 0 : 96)};
}

/// Is every address of `inner` one of `outer`?
bool is_within(std::string_view inner, std::string_view outer) {
  const auto [address, length] = parts_of(inner);
  const auto [other, most] = parts_of(outer);
  if (length < most) return false;
  for (unsigned bit = 0; bit < most; ++bit) {
    const unsigned mask = 0x80u >> (bit % 8);
    if (((address.octets()[bit / 8] ^ other.octets()[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

/// A domain as a term may name it: visible characters; a macro depends on the message.
bool is_domain_spec(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 32 && c < 127; });
}

bool has_macro(std::string_view text) { return text.contains('%'); }

/// What the value of a mechanism lacks; empty: nothing.
std::string_view fault_of(const SpfTerm& term, std::string_view domain) {
  switch (term.kind) {
    case SpfKind::kIp4:
    case SpfKind::kIp6:
      return is_network(term.value, term.kind) ? "" : "is no network";
    case SpfKind::kInclude:
    case SpfKind::kExists:
      return is_domain_spec(term.value) ? "" : "names no domain";
    case SpfKind::kAll:
      return term.value.empty() ? "" : "takes no value";
    default:
      return domain.empty() || is_domain_spec(domain) ? "" : "names no domain";
  }
}

std::expected<SpfTerm, std::string> parse_term(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return std::unexpected(fmt::format("\"{}\" {}", text, why));
  };
  std::string_view rest = text;
  SpfTerm term;
  const auto separator = rest.find_first_of(":/=");
  if (separator != std::string_view::npos && rest[separator] == '=') {
    const std::string_view name = rest.substr(0, separator);
    if (!is_modifier_name(name)) return wrong("is no term of SPF");
    term.value = rest.substr(separator + 1);
    if (!ascii::equals_ignoring_case(name, "redirect")) return term;
    term.kind = SpfKind::kRedirect;
    if (!is_domain_spec(term.value)) return wrong("names no domain");
    return term;
  }
  if (std::string_view("+-~?").contains(rest.front())) {
    term.qualifier = rest.front();
    rest.remove_prefix(1);
  }
  const std::string_view name = rest.substr(0, rest.find_first_of(":/"));
  const auto known = std::ranges::find_if(
      kMechanisms, [&](const Name& each) { return ascii::equals_ignoring_case(each.text, name); });
  if (known == kMechanisms.end()) return wrong("is no mechanism of SPF");
  term.kind = known->kind;
  rest.remove_prefix(name.size());
  if (rest.starts_with(':')) {
    rest.remove_prefix(1);
    if (rest.empty()) return wrong("ends with \":\"");
  }
  term.value = rest;
  if (const auto fault = fault_of(term, rest.substr(0, rest.find('/'))); !fault.empty()) {
    return wrong(fault);
  }
  return term;
}

bool asks_dns(SpfKind kind) {
  return kind == SpfKind::kInclude || kind == SpfKind::kA || kind == SpfKind::kMx ||
         kind == SpfKind::kPtr || kind == SpfKind::kExists;
}

std::string normal(std::string_view domain) {
  std::string name = ascii::lower(domain);
  if (name.ends_with('.')) name.pop_back();
  return name;
}

/// One walk over a record and all below it.
class Survey {
 public:
  explicit Survey(Texts& texts) : texts_(texts) {}

  Task<SpfSurvey> run(std::string domain) {
    co_await visit(domain, {.decides = true, .passes = true});
    if (result_.lookups > SpfSurvey::kMostLookups) {
      result_.faults.push_back(
          fmt::format("checking it takes {} DNS lookups, and RFC 7208 allows 10", result_.lookups));
    }
    co_return std::move(result_);
  }

 private:
  /// What a record that is read stands for.
  struct Standing {
    bool decides =
        false;  ///< It is the domain's own, or that is redirected to it: its `all` counts.
    bool passes = false;  ///< A sender that passes by it passes.
  };

  Task<void> visit(std::string domain, Standing standing) {
    if (++records_ > kMostRecords) co_return;
    const auto found = co_await texts_.find(domain);
    if (!found && found.error().code != ErrorCode::kNotFound) {
      result_.troubles.push_back(found.error().text);
      co_return;
    }
    std::vector<std::string> records;
    if (found) {
      for (const std::string& text : *found) {
        if (is_spf(text)) records.push_back(text);
      }
    }
    if (records.empty()) {
      // RFC 7208 section 5.2: an include of a domain without a record is an error of the whole.
      if (!path_.empty()) {
        result_.faults.push_back(
            fmt::format("{} has no SPF record, and {} names it", domain, path_.back()));
      }
      co_return;
    }
    if (path_.empty()) {
      result_.exists = true;
      result_.record = records.front();
    }
    if (records.size() > 1) {
      result_.faults.push_back(
          fmt::format("{} has {} SPF records, and may have one", domain, records.size()));
      co_return;
    }
    const auto terms = parse_spf(records.front());
    if (!terms) {
      result_.faults.push_back(fmt::format("the record of {} is wrong: {}", domain, terms.error()));
      co_return;
    }
    path_.push_back(domain);
    co_await follow(*terms, standing);
    path_.pop_back();
  }

  Task<void> follow(const std::vector<SpfTerm>& terms, Standing standing) {
    const SpfTerm* redirect = nullptr;
    for (const SpfTerm& term : terms) {
      if (asks_dns(term.kind)) ++result_.lookups;
      if (term.kind == SpfKind::kAll) {
        if (standing.decides) {
          result_.has_all = true;
          result_.all = term.qualifier;
        }
        co_return;  // RFC 7208 section 5.1: nothing behind it counts
      }
      if (term.kind == SpfKind::kRedirect) redirect = &term;
      const bool passes = standing.passes && term.qualifier == '+';
      if (passes && (term.kind == SpfKind::kIp4 || term.kind == SpfKind::kIp6)) {
        result_.networks.push_back(term.value);
      }
      if (term.kind == SpfKind::kInclude) {
        co_await descend(term.value, {.decides = false, .passes = passes});
      }
    }
    if (redirect == nullptr) co_return;
    ++result_.lookups;
    co_await descend(redirect->value, standing);
  }

  Task<void> descend(std::string_view value, Standing standing) {
    if (has_macro(value)) {
      result_.unread.emplace_back(value);
      co_return;
    }
    const std::string domain = normal(value);
    if (std::ranges::find(path_, domain) != path_.end()) {
      result_.faults.push_back(fmt::format("the record of {} includes itself", domain));
      co_return;
    }
    if (standing.passes) result_.includes.push_back(domain);
    co_await visit(domain, standing);
  }

  Texts& texts_;
  SpfSurvey result_;
  std::vector<std::string> path_;  // of the domains whose records are being read
  std::size_t records_ = 0;
};

}  // namespace

bool is_spf(std::string_view text) {
  return ascii::starts_with_ignoring_case(text, kVersion) &&
         (text.size() == kVersion.size() || text[kVersion.size()] == ' ');
}

std::expected<std::vector<SpfTerm>, std::string> parse_spf(std::string_view text) {
  if (!is_spf(text)) return std::unexpected("it does not begin with \"v=spf1\"");
  text.remove_prefix(kVersion.size());
  std::vector<SpfTerm> terms;
  while (!text.empty()) {
    const auto begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    auto term = parse_term(word);
    if (!term) return std::unexpected(std::move(term.error()));
    const bool twice = term->kind == SpfKind::kRedirect &&
                       std::ranges::find(terms, SpfKind::kRedirect, &SpfTerm::kind) != terms.end();
    if (twice) return std::unexpected("\"redirect\" is there twice");
    terms.push_back(std::move(*term));
  }
  return terms;
}

bool SpfSurvey::includes_domain(std::string_view domain) const {
  return std::ranges::find(includes, normal(domain)) != includes.end();
}

bool SpfSurvey::covers(const SpfSurvey& other) const {
  const auto covered = [this](const std::string& network) {
    return std::ranges::any_of(networks,
                               [&](const std::string& own) { return is_within(network, own); });
  };
  return !other.networks.empty() && std::ranges::all_of(other.networks, covered);
}

Task<SpfSurvey> survey_spf(Texts& texts, std::string domain) {
  Survey survey(texts);
  co_return co_await survey.run(normal(domain));
}

}  // namespace sallyport::doctor
