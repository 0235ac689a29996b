#include "tests/unit/relay/scripts.h"

namespace sallyport::relay::scripts {
namespace {

struct Command {
  Stage stage;
  std::string said;
  std::string reply;
  std::string reply_after_refusal;  // once an earlier command was refused
};

std::vector<Command> commands(const Upstream& upstream, bool rset) {
  std::vector<Command> all;
  if (rset) all.push_back({Stage::kRset, "RSET", "250 2.0.0 Ok", "250 2.0.0 Ok"});
  std::string mail = "MAIL FROM:<from@here.example>";
  if (upstream.size) mail += " SIZE=*";
  if (upstream.binary) mail += " BODY=BINARYMIME";
  all.push_back({Stage::kMail, mail, "250 2.1.0 Ok", ""});
  all.push_back(
      {Stage::kRcpt, "RCPT TO:<to@there.example>", "250 2.1.5 Ok", "503 5.5.1 MAIL first"});
  if (upstream.binary) return all;
  all.push_back({Stage::kData, "DATA", "354 Go on", "554 5.5.1 No valid recipients"});
  return all;
}

}  // namespace

std::string_view name(Fault fault) {
  constexpr std::string_view names[] = {"4xx", "5xx", "421", "close", "reset", "stall", "garbage"};
  return names[static_cast<std::size_t>(fault)];
}

std::string steps(Fault fault) {
  switch (fault) {
    case Fault::k4xx:
      return "U: 450 4.2.0 Later\n";
    case Fault::k5xx:
      return "U: 550 5.7.1 Never\n";
    case Fault::k421:
      return "U: 421 4.3.2 Closing\nU! close\n";
    case Fault::kClose:
      return "U! close\n";
    case Fault::kReset:
      return "U! reset\n";
    case Fault::kStall:
      return "U! stall\n";
    case Fault::kGarbage:
      return "U: HTTP/1.1 400 Bad Request\nU! stall\n";
  }
  return {};
}

std::string Upstream::ehlo() const {
  std::string reply = "P: EHLO gw.example\nU: 250-up.example\n";
  if (pipelining) reply += "U: 250-PIPELINING\n";
  if (size) reply += "U: 250-SIZE 1000000\n";
  if (eight_bit) reply += "U: 250-8BITMIME\n";
  if (binary) reply += "U: 250-BINARYMIME\nU: 250-CHUNKING\n";
  for (const std::string& line : offers) reply += "U: 250-" + line + "\n";
  return reply + "U: 250 AUTH PLAIN LOGIN\n";
}

std::string Upstream::opening() const {
  return "U: 220 up.example\n" + ehlo() + "P: AUTH PLAIN AHVzZXIAc2VjcmV0\nU: 235 2.7.0 Welcome\n";
}

std::string Upstream::opening(Stage at, Fault fault) const {
  if (at == Stage::kGreeting) return steps(fault);
  if (at == Stage::kEhlo) return "U: 220 up.example\nP: EHLO gw.example\n" + steps(fault);
  return "U: 220 up.example\n" + ehlo() + "P: AUTH PLAIN AHVzZXIAc2VjcmV0\n" + steps(fault);
}

std::string Upstream::transaction(bool rset) const {
  std::string said;
  std::string replies;
  for (const Command& command : commands(*this, rset)) {
    said += "P: " + command.said + "\n";
    replies += "U: " + command.reply + "\n";
    if (pipelining) continue;
    said += replies;
    replies.clear();
  }
  return said + replies + content() + "U: " + kQueued + "\n";
}

std::string Upstream::transaction(Stage at, Fault fault, bool rset) const {
  std::string said;
  std::string replies;
  const bool goes_on = fault == Fault::k4xx || fault == Fault::k5xx;
  bool refused = false;
  bool over = false;
  for (const Command& command : commands(*this, rset)) {
    if (over && !pipelining) break;
    said += "P: " + command.said + "\n";
    if (command.stage == at) {
      replies += steps(fault);
      refused = true;
      over = !goes_on || !pipelining;
    } else if (!over) {
      replies += "U: " + (refused ? command.reply_after_refusal : command.reply) + "\n";
    }
    if (pipelining) continue;
    said += replies;
    replies.clear();
  }
  if (at == Stage::kEnd) return said + replies + content() + steps(fault);
  return said + replies;
}

}  // namespace sallyport::relay::scripts
