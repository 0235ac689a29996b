#include "tests/fuzz/session/expected_offer.h"

#include <algorithm>
#include <map>

#include "tests/fuzz/session/expected_message.h"

namespace sallyport::fuzz {

Keywords expected_offer(Tls tls, bool encrypted, bool authenticated,
                        const std::vector<std::string>& disabled) {
  Keywords offer = {"PIPELINING", "ENHANCEDSTATUSCODES"};
  if (tls == Tls::kStarttls && !encrypted) {
    offer.insert("STARTTLS");  // RFC 3207: and there is no mail before it
  } else {
    offer.insert(
        {"8BITMIME", "CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN", "MT-PRIORITY", "SIZE", "LIMITS"});
    if (encrypted) offer.insert("REQUIRETLS");  // RFC 8689 section 2
    if (!authenticated) offer.insert("AUTH");   // RFC 4954 section 4: once
  }
  for (const std::string& keyword : disabled) {
    offer.erase(keyword);
    // RFC 3030 section 3 and RFC 6531 section 3.1: what these need.
    if (keyword == "CHUNKING" || keyword == "8BITMIME") offer.erase("BINARYMIME");
    if (keyword == "8BITMIME") offer.erase("SMTPUTF8");
  }
  return offer;
}

Keywords keywords_of(std::string_view reply) {
  Keywords keywords;
  reply.remove_prefix(std::min(reply.find('\n') + 1, reply.size()));
  while (!reply.empty()) {
    const std::string_view line = reply.substr(0, reply.find('\n'));
    keywords.emplace(line.substr(0, line.find(' ')));
    reply.remove_prefix(std::min(line.size() + 1, reply.size()));
  }
  return keywords;
}

Envelope::Envelope(std::string_view line) {
  // A quoted local part may have anything in it, '>' and spaces, too; an address literal, '>'.
  // Without brackets it is a space that ends the path.
  std::size_t end = std::min(line.find(':'), line.size());
  end = std::min(line.find_first_not_of(' ', end + 1), line.size());
  const char closing = line.substr(end).starts_with('<') ? '>' : ' ';
  const std::size_t begin = end;
  bool quoted = false;
  bool literal = false;
  for (; end < line.size(); ++end) {
    if (!literal && line[end] == '"') quoted = !quoted;
    if (quoted && line[end] == '\\') ++end;
    if (!quoted && line[end] == '[') literal = true;
    if (literal && line[end] == ']') literal = false;
    if (!quoted && !literal && line[end] == closing) break;
  }
  end = std::min(end + 1, line.size());
  path = line.substr(begin, end - begin);
  for (std::string_view rest = line.substr(end); !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (!word.empty()) parameters.push_back(upper(word));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
}

bool Envelope::has(std::string_view parameter) const {
  return std::ranges::find(parameters, parameter) != parameters.end();
}

std::string keyword_for(std::string_view parameter, bool mail) {
  static const std::map<std::string_view, std::string_view> kMail = {
      {"SIZE", "SIZE"},
      {"BODY", "8BITMIME"},
      {"SMTPUTF8", "SMTPUTF8"},
      {"RET", "DSN"},
      {"ENVID", "DSN"},
      {"AUTH", "AUTH"},
      {"REQUIRETLS", "REQUIRETLS"},
      {"MT-PRIORITY", "MT-PRIORITY"}};
  static const std::map<std::string_view, std::string_view> kRcpt = {{"NOTIFY", "DSN"},
                                                                     {"ORCPT", "DSN"}};
  if (mail && parameter == "BODY=BINARYMIME") return "BINARYMIME";
  const auto& known = mail ? kMail : kRcpt;
  const auto found = known.find(parameter.substr(0, parameter.find('=')));
  return found == known.end() ? std::string() : std::string(found->second);
}

}  // namespace sallyport::fuzz
