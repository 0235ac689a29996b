#include "proxy/relay/provider.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "proxy/base/ascii.h"

namespace sallyport::relay {
namespace {

using config::Provider;
using config::ReplyRule;

// RFC 4954 section 6 and RFC 3207 section 4: a client that hears these has not authenticated in the
// way the server wants. They speak of our login, never of the client's.
constexpr std::array kCredentialCodes = {530, 534, 535, 538};

/// The word of config::kReplyStages for a stage; empty for those without a command.
std::string_view word(Stage stage) {
  switch (stage) {
    case Stage::kLease:
    case Stage::kConnect:
      return "";
    case Stage::kTls:
      return "starttls";
    case Stage::kGreeting:
      return "greeting";
    case Stage::kEhlo:
      return "ehlo";
    case Stage::kAuth:
      return "auth";
    case Stage::kRset:
      return "rset";
    case Stage::kMail:
      return "mail";
    case Stage::kRcpt:
      return "rcpt";
    case Stage::kData:
      return "data";
    case Stage::kContent:
    case Stage::kEnd:
      return "end";
  }
  return "";
}

std::size_t find(std::string_view text, std::string_view wanted) {
  const auto found = std::ranges::search(text, wanted, {}, ascii::to_lower, ascii::to_lower);
  return found.empty() ? std::string_view::npos
                       : static_cast<std::size_t>(found.begin() - text.begin());
}

std::string_view word_at(std::string_view text) {
  return text.substr(0, std::min(text.find_first_of(" \t;,"), text.size()));
}

/// Takes what looks like an enhanced status code, and the spaces before it and behind it, off the
/// front: the lines of a reply may differ in it.
std::string_view without_enhanced_code(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::size_t size = std::min(line.find_first_not_of("0123456789."), line.size());
  const std::string_view code = line.substr(0, size);
  if (std::ranges::count(code, '.') == 2 && (size == line.size() || line[size] == ' ')) {
    line.remove_prefix(size);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  }
  return line;
}

/// A line of a reply without what the client said.
std::string without(std::string_view line, Echo echo) {
  std::string rest(line);
  for (const std::string_view said : echo) {
    if (said.empty()) continue;
    for (std::size_t at; (at = find(rest, said)) != std::string::npos;) rest.erase(at, said.size());
  }
  return rest;
}

}  // namespace

Reading read_reply(const Provider& provider, Stage stage, const smtp::Reply& reply, Echo echo) {
  const std::string_view at = word(stage);
  const std::string enhanced = reply.enhanced ? reply.enhanced->str() : std::string();
  std::vector<std::string> lines;
  lines.reserve(reply.lines.size());
  for (const std::string& line : reply.lines) {
    lines.emplace_back(without_enhanced_code(without(line, echo)));
  }
  for (const std::span<const ReplyRule> rules :
       {std::span<const ReplyRule>(provider.replies), config::common_reply_rules()}) {
    for (const ReplyRule& rule : rules) {
      const bool fits = std::ranges::any_of(lines, [&](const std::string& line) {
        return rule.fits(at, reply.code, enhanced, line);
      });
      if (fits) return {rule.meaning, &rule};
    }
  }
  const bool credentials =
      std::ranges::find(kCredentialCodes, reply.code) != kCredentialCodes.end();
  return {credentials ? Meaning::kCredentials : Meaning::kPlain, nullptr};
}

std::string_view message_id_in(const Provider& provider, const smtp::Reply& reply) {
  for (const std::string& before : provider.id_after) {
    for (const std::string_view line : reply.lines) {
      const std::size_t at = find(line, before);
      if (at != std::string_view::npos) return word_at(line.substr(at + before.size()));
    }
  }
  return {};
}

}  // namespace sallyport::relay
