#include "tests/fuzz/session/oracle.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "proxy/base/utf8.h"
#include "tests/fuzz/session/expected_client.h"
#include "tests/fuzz/session/expected_reply.h"

namespace sallyport::fuzz {
namespace {

constexpr std::size_t kMostLine = 12288 + 2;
constexpr std::size_t kMostCommand = 2048;  // CRLF included
constexpr std::string_view kCrlf = "\r\n";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The verb is BDAT, and not only the beginning of another word; `command` is in upper case.
bool is_bdat(std::string_view command) {
  if (!command.starts_with("BDAT")) return false;
  return command.size() == 4 || !(is_digit(command[4]) || (command[4] >= 'A' && command[4] <= 'Z'));
}

void print(const char* name, std::string_view text) {
  std::fprintf(stderr, "%s: ", name);
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet == '\n') {
      std::fputs("\\n\n    ", stderr);
    } else if (octet >= 32 && octet < 127) {
      std::fputc(c, stderr);
    } else {
      std::fprintf(stderr, "\\x%02x", octet);
    }
  }
  std::fputc('\n', stderr);
}

class Judge {
 public:
  Judge(const Conversation& conversation, const Hellos& hellos)
      : conversation_(conversation),
        hellos_(hellos),
        entrance_(conversation.entrance),
        said_(conversation.said),
        heard_(conversation.heard),
        client_(Address::read(conversation.socket_ip).value()) {}

  void judge() {
    if (enter()) converse();
    hold(heard_.empty(), "more was said than was asked for");
    hold(delivered_ == conversation_.delivered.size(), "delivered what nobody framed");
  }

 private:
  /// Who is not let in hears nothing, or that it is not.
  bool enter() {
    if (entrance_.is_proxy) {
      const auto introduction = read_introduction(said_);
      if (!introduction) return false;
      if (introduction->client) client_ = *introduction->client;
      const auto arrived = std::ranges::lower_bound(conversation_.flights, introduction->size);
      const bool early = arrived != conversation_.flights.end() && *arrived > introduction->size;
      (void)take_said(introduction->size);
      // RFC 5321 section 4.3.1: the client waits for the greeting.
      if (early && entrance_.tls != Tls::kImplicit) {
        hold(reply().code >= 400, "who speaks before the greeting was let in");
        return false;
      }
    }
    return entrance_.tls != Tls::kImplicit || shake_hands();
  }

  bool shake_hands() {
    if (!said_.starts_with(hellos_.client)) return false;
    said_.remove_prefix(hellos_.client.size());
    hold(heard_.starts_with(hellos_.server), "no TLS handshake");
    heard_.remove_prefix(hellos_.server.size());
    encrypted_ = true;
    return true;
  }

  void converse() {
    const Reply greeting = reply();
    hold(greeting.code == 220, "the greeting is no 220");
    while (!over_) {
      const std::size_t end = said_.find('\n');
      if (end == said_.npos) break;  // an unfinished line is no command
      hear_line(take_said(end + 1));
    }
    if (!over_ && !heard_.empty() && is_turned_away(said_)) (void)reply();
  }

  [[noreturn]] void fail(const char* what) const {
    std::fprintf(stderr, "session: %s\n  with %zu octets not yet said and %zu not yet heard of:\n",
                 what, said_.size(), heard_.size());
    print("said", conversation_.said);
    print("heard", conversation_.heard);
    for (const Delivered& each : conversation_.delivered) print("delivered", each.content);
    std::abort();
  }

  void hold(bool condition, const char* what) const {
    if (!condition) fail(what);
  }

  std::string_view take_said(std::size_t count) {
    const std::string_view taken = said_.substr(0, count);
    said_.remove_prefix(taken.size());
    return taken;
  }

  /// The next reply.
  Reply reply() {
    Reply reply;
    const char* const fault = take_reply(heard_, reply);
    hold(fault == nullptr, fault);
    // RFC 2034 section 4: every 4xx and 5xx has an enhanced code of its class, but for EHLO's.
    if (reply.code >= 400 && !is_hello_) {
      hold(reply.text.size() > 4 && reply.text[0] == static_cast<char>('0' + reply.code / 100) &&
               reply.text[1] == '.' && is_digit(reply.text[2]),
           "a refusal has no enhanced code of its class");
    }
    // RFC 6531 section 3.7.4.
    hold(utf8::is_ascii(reply.text) || (may_hear_utf8_ && utf8::is_valid(reply.text)),
         "a reply is not in ASCII");
    if (reply.code >= 400) ++refusals_;
    if (reply.code == 535) ++failed_logins_;
    return reply;
  }

  void end() { over_ = true; }

  /// Clients that we do not know yet and that speak no SMTP are hung up on.
  bool is_turned_away(std::string_view octets) const {
    return !authenticated_ && !challenged_ && is_foreign(octets);
  }

  /// 421 ends the session; it may also follow the reply to a command.
  void end_by_421(const Reply& reply) {
    const bool errors = reply.text.contains("Too many errors");
    const bool logins = reply.text.contains("Too many failed authentications");
    hold(errors || logins, "421 for nothing");
    hold(!errors || refusals_ > conversation_.max_errors, "421 too early");
    hold(!logins || failed_logins_ >= 3, "421 after too few failed logins");
    end();
  }

  Reply answer() {
    const Reply first = reply();
    if (first.code == 421) {
      end_by_421(first);
    } else if (heard_.starts_with("421 4.7.0 Too many")) {
      end_by_421(reply());
    }
    return first;
  }

  void hear_line(std::string_view line) {
    // Strictly CRLF, and what follows a bare LF is no line of its own (SMTP smuggling).
    const bool ends_well = line.ends_with(kCrlf);
    const std::string_view inside = line.substr(0, line.size() - (ends_well ? 2 : 1));
    // Nobody need remember how a line began that is longer than any may be (RFC 4954 section 4.3).
    const bool faulty = line.size() > kMostLine || !ends_well || after_bare_lf_ ||
                        inside.contains('\r') || inside.contains('\0');
    after_bare_lf_ = !ends_well;
    std::string command = upper(inside);
    while (command.ends_with(' ') || command.ends_with('\t')) command.pop_back();
    const std::string verb = command.substr(0, command.find(' '));
    is_hello_ = !faulty && !challenged_ && (verb == "EHLO" || verb == "HELO");
    if (!challenged_ && is_bdat(command)) {
      const bool is_read = !faulty && line.size() <= kMostCommand;
      if (is_read && !is_turned_away(line)) return hear_bdat(command);
      // What follows it is not known to be commands.
      hold(reply().code >= 400, "a BDAT that can't be read was obeyed");
      return end();
    }

    // The signature of a binary PROXY header has line ends of its own.
    static constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
    const std::string_view from_here(line.data(), line.size() + said_.size());
    const bool is_signature = !authenticated_ && !challenged_ && from_here.starts_with(kSignature);
    if (is_turned_away(line) || is_signature) {
      // Of a line that came in one piece with others, or with a fault, that may be told first.
      const Reply reply = this->reply();
      hold(reply.code >= 400, "a foreign protocol was obeyed");
      if ((!faulty && !is_signature) || heard_.empty()) {
        end();
      } else if (heard_.starts_with("421 4.7.0 Too many")) {
        end_by_421(this->reply());
      }
      return;
    }
    if (is_parted_with(command, faulty)) return end();
    if (verb == "MAIL") may_hear_utf8_ = Envelope(command).has("SMTPUTF8");
    if (is_hello_ || verb == "RSET") may_hear_utf8_ = false;
    const Reply reply = answer();
    if (command.starts_with("DATA") && verb == "DATA") {
      content_may_come_ = authenticated_ && !challenged_ && !faulty && reply.code >= 500;
    }
    if (faulty) {
      // It may have been a RCPT.
      if (mail_) may_lack_recipients_ = true;
      hold(reply.code == 500, "a line with a fault was obeyed");
      challenged_ = false;
      return;
    }
    if (challenged_ || verb == "AUTH") return take_auth(inside, reply);
    if (reply.code == 354) {
      hold(command == "DATA", "354 to what is not DATA");
      return hear_content();
    }
    if (reply.code == 221) {
      hold(command == "QUIT", "221 to what is not QUIT");
      return end();
    }
    if (verb == "STARTTLS") return take_starttls(reply);
    hold(reply.code != 334 && reply.code != 235, "an AUTH reply to what is not AUTH");
    if (reply.code == 250) take_ok(verb, command, reply);
    if (verb == "RCPT" && mail_ && !chunked_ && reply.code >= 400) lacks_recipients_ = true;
    if (command == "DATA" && recipients_ > 0 && is_partial_refusal(reply)) {
      hold(lacks_recipients_ || may_lack_recipients_, "DATA was refused for no recipient");
      forget_transaction();
    }
    if (reply.code == 555) {
      const bool all_known = std::ranges::all_of(
          Envelope(command).parameters, [&](const auto& each) { return knows(each, verb); });
      hold(!all_known, "a parameter that was offered is unknown");
    }
  }

  /// The message is not sent because some of its recipients were refused.
  static bool is_partial_refusal(const Reply& reply) {
    return reply.code == 554 &&
           (reply.text.starts_with("5.1.0 ") || reply.text.starts_with("5.5.3 "));
  }

  /// Behind a DATA that was refused no line is obeyed that is no command, or that came with it.
  bool is_parted_with(std::string_view command, bool faulty) {
    if (!content_may_come_) return false;
    const bool harmless = !faulty && (command == "RSET" || command == "NOOP" || command == "HELP" ||
                                      command == "QUIT");
    const std::string_view arguments =
        command.substr(std::min(command.find(' ') + 1, command.size()));
    const bool hello = command.starts_with("EHLO") || command.starts_with("HELO");
    const bool command_like =
        harmless || (!faulty && (command == "DATA" || command.starts_with("MAIL FROM:") ||
                                 command.starts_with("RCPT TO:") ||
                                 (hello && (!command.contains(' ') || !arguments.contains(' ')))));
    if (!heard_.starts_with("421 4.7.0 Content was sent")) {
      hold(command_like, "content behind a refused DATA was taken for a command");
      return false;
    }
    hold(!harmless, "a command behind a refused DATA was taken for content");
    (void)reply();
    return true;
  }

  void take_ok(const std::string& verb, const std::string& command, const Reply& reply) {
    if (is_hello_) {
      take_hello(verb == "EHLO", reply);
    } else if (verb == "MAIL") {
      hold(may_submit() && greeted_ && !mail_, "MAIL was accepted out of order");
      content_may_come_ = false;
      const Envelope envelope(command);
      mail_ = true;
      binary_ = envelope.has("BODY=BINARYMIME");
      smtputf8_ = envelope.has("SMTPUTF8");
      check_envelope(envelope, verb);
    } else if (verb == "RCPT") {
      hold(mail_ && !chunked_, "RCPT was accepted without MAIL or behind a chunk");
      ++recipients_;
      content_may_come_ = false;
      check_envelope(Envelope(command), verb);
    } else if (verb == "RSET") {
      forget_transaction();
    } else {
      hold(verb == "NOOP", "250 to a command that has no such reply");
    }
  }

  void take_hello(bool extended, const Reply& reply) {
    forget_transaction();
    greeted_ = true;
    extended_ = extended;
    offer_ = {};
    if (extended) {
      offer_ = expected_offer(entrance_.tls, encrypted_, authenticated_, entrance_.disabled);
    }
    hold(keywords_of(reply.text) == offer_, "other extensions are offered than may be used");
    has_offered_chunking_ |= offers_chunking();
  }

  bool offers_chunking() const { return offer_.contains("CHUNKING"); }

  /// Is the extension of this parameter one that EHLO has offered?
  bool knows(const std::string& parameter, std::string_view verb) const {
    const std::string keyword = keyword_for(parameter, verb == "MAIL");
    // AUTH is not offered twice, but its parameter stays.
    if (keyword == "AUTH") return extended_;
    return offer_.contains(keyword);
  }

  void check_envelope(const Envelope& envelope, std::string_view verb) const {
    for (const std::string& parameter : envelope.parameters) {
      hold(knows(parameter, verb), "a parameter was taken that is not offered");
    }
    const bool is_ascii = std::ranges::all_of(
        envelope.path, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    hold(is_ascii || smtputf8_, "an address beyond ASCII was taken without SMTPUTF8");
  }

  void forget_transaction() {
    mail_ = false;
    smtputf8_ = false;
    recipients_ = 0;
    lacks_recipients_ = false;
    may_lack_recipients_ = false;
    chunks_.clear();
    chunked_ = false;
    binary_ = false;
  }

  void take_auth(std::string_view line, const Reply& reply) {
    challenged_ = reply.code == 334;
    if (challenged_ || reply.code == 235) {
      hold(may_log_in() && greeted_ && !authenticated_ && !mail_, "AUTH went on out of order");
    }
    if (reply.code != 235) return;
    // RFC 4616, with and without the authorization identity, and the last line of LOGIN.
    hold(line.ends_with("AGFwcABzZWNyZXQ=") || line.ends_with("YXBwAGFwcABzZWNyZXQ=") ||
             line.ends_with("c2VjcmV0"),
         "235 for credentials that are none");
    authenticated_ = true;
  }

  /// RFC 3207: nothing but TLS may follow 220, and nothing that came in clear counts any more.
  void take_starttls(const Reply& reply) {
    if (reply.code == 554) return end();
    if (reply.code != 220) return;
    hold(entrance_.tls == Tls::kStarttls && !encrypted_, "STARTTLS where it is not offered");
    if (!shake_hands()) return end();
    greeted_ = extended_ = false;
    offer_ = {};
    forget_transaction();
  }

  /// RFC 5321 section 4.5.2: text up to CRLF "." CRLF, of which the first CRLF may be that of DATA.
  void hear_content() {
    hold(mail_ && recipients_ > 0 && may_submit(), "354 without an envelope");
    hold(!lacks_recipients_, "a message was taken for some of its recipients");
    hold(!chunked_ && !binary_, "DATA where only BDAT may be");
    std::string text;
    while (true) {
      const std::size_t end = said_.find(kCrlf);
      if (end == said_.npos) {
        said_ = {};
        return;  // the client went away
      }
      std::string_view line = take_said(end + 2);
      if (line == ".\r\n") break;
      // Where bare CR and LF are mended, a dot alone before one is a line of text.
      const bool is_text = entrance_.compat && (line.starts_with(".\n") || line.starts_with(".\r"));
      if (line.starts_with('.') && !is_text) line.remove_prefix(1);
      text += entrance_.compat ? mended(line) : std::string(line);
    }
    conclude(text);
  }

  /// The message was framed: is it told and handed on as it must be?
  void conclude(std::string_view text) {
    const std::size_t recipients = recipients_;
    const bool clean = is_clean_content(text, binary_);
    forget_transaction();
    const Reply reply = answer();
    if (!clean) return hold(reply.code == 554, "content with bare line ends was taken");
    const int header = header_fault(text);
    if (text.size() > conversation_.max_size) {
      return hold(reply.code == 552 || (header != 0 && reply.code == header),
                  "too large a message was taken");
    }
    // RFC 5321 section 6.3. Those that a gateway took out are told of in a field of ours.
    const bool loops = count_fields(text, "RECEIVED") > 100;
    const bool may_loop = loops || count_fields(text, "X-RECEIVED-REMOVED") > 0;
    if (may_loop && reply.code == 554) return;
    hold(!loops, "a mail loop was taken");
    if (header != 0) return hold(reply.code == header, "a broken header section was taken");
    hold(reply.code == 250, "a faultless message was refused");
    hold(delivered_ < conversation_.delivered.size(), "250 for a message that was not handed on");
    const Delivered& delivered = conversation_.delivered[delivered_++];
    hold(delivered.content == handed_on(text, entrance_.header), "another content was handed on");
    hold(delivered.recipients == recipients, "other recipients were handed on");
    const char* const fault = fault_in_trace(delivered.trace, text, entrance_.header, client_);
    hold(fault == nullptr, fault);
    refusals_ = 0;
  }

  /// RFC 3030 section 2: `BDAT` SP size [SP `LAST`]. The octets of a chunk belong to it even when
  /// it is refused, so that they never turn into commands; where nobody can tell how many they are,
  /// the session ends.
  void hear_bdat(std::string command) {
    if (content_may_come_ && heard_.starts_with("421 4.7.0 Content was sent")) {
      (void)reply();
      return end();
    }
    content_may_come_ = false;
    const bool last = command.ends_with(" LAST");
    if (last) command.resize(command.size() - 5);
    const std::string digits = command.substr(std::min<std::size_t>(5, command.size()));
    const bool is_number =
        command.starts_with("BDAT ") && !digits.empty() && std::ranges::all_of(digits, is_digit);
    std::uint64_t size = 0;
    const bool fits =
        is_number &&
        std::from_chars(digits.data(), digits.data() + digits.size(), size).ec == std::errc();
    if (!offers_chunking() || !fits) {
      const Reply reply = answer();
      hold(reply.code >= 500, "a BDAT that can't be understood was obeyed");
      // To who was never offered it, it may be as unknown as any other word.
      if (heard_.empty() || has_offered_chunking_) end();
      return;
    }
    if (said_.size() < size) {
      said_ = {};
      return;  // the client went away
    }
    const std::string_view chunk = take_said(size);
    if (!mail_ || recipients_ == 0 || !may_submit()) {
      const Reply reply = answer();
      return hold(reply.code >= 400, "BDAT was accepted out of order");
    }
    if (heard_.starts_with("554 5.1.0 ") || heard_.starts_with("554 5.5.3 ")) {
      hold(lacks_recipients_ || may_lack_recipients_, "BDAT was refused for no recipient");
      (void)answer();
      if (last) forget_transaction();
      return;
    }
    hold(!lacks_recipients_, "a message was taken for some of its recipients");
    chunked_ = true;
    chunks_ += chunk;
    if (last) return conclude(std::exchange(chunks_, {}));
    const Reply reply = answer();
    hold(reply.code == 250 || !is_clean_content(chunks_, binary_) ||
             chunks_.size() > conversation_.max_size || header_fault(chunks_) != 0,
         "a faultless chunk was refused");
  }

  bool may_log_in() const { return encrypted_ || entrance_.tls == Tls::kNone; }
  bool may_submit() const { return may_log_in() && authenticated_; }

  const Conversation& conversation_;
  const Hellos hellos_;
  const Entrance& entrance_;
  std::string_view said_;
  std::string_view heard_;
  bool over_ = false;

  Address client_;  // as the PROXY header has it, or the socket
  bool encrypted_ = false;
  bool greeted_ = false;
  bool extended_ = false;
  bool authenticated_ = false;
  bool challenged_ = false;  // the next line is a response of AUTH
  bool after_bare_lf_ = false;
  bool is_hello_ = false;  // the command was EHLO or HELO, whose refusal has no enhanced code
  Keywords offer_;         // of the last EHLO
  bool has_offered_chunking_ = false;
  bool mail_ = false;
  std::size_t recipients_ = 0;
  bool lacks_recipients_ = false;     // a RCPT of the transaction was refused
  bool may_lack_recipients_ = false;  // or a line that can't be read, which may have been one
  std::string chunks_;
  bool chunked_ = false;
  bool binary_ = false;
  bool smtputf8_ = false;
  bool may_hear_utf8_ = false;
  bool content_may_come_ = false;  // DATA was refused, and nothing shows that the client knows
  std::size_t delivered_ = 0;
  std::size_t refusals_ = 0;
  std::size_t failed_logins_ = 0;
};

}  // namespace

void judge(const Conversation& conversation, const Hellos& hellos) {
  Judge(conversation, hellos).judge();
}

}  // namespace sallyport::fuzz
