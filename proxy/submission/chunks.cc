// BDAT: RFC 3030 section 2. Its octets follow the command line at once, wanted or not: whatever
// comes of a chunk, it is read to its last octet, so that content never turns into commands.
#include <optional>
#include <utility>

#include "proxy/smtp/order.h"
#include "proxy/submission/session.h"

namespace sallyport::submission {

runtime::Task<void> Session::bdat(std::string_view arguments) {
  const auto command = smtp::parse_bdat(arguments);
  const auto refusal = smtp::check(state(), smtp::Verb::kBdat);
  // Who was not offered CHUNKING does not know what BDAT is, or has it wrong. Octets may follow or
  // not: to wait for them could take for ever, to read them as commands could be anything.
  if (!offered().has(smtp::Extension::kChunking)) {
    refusal ? refuse(*refusal) : refuse(replies::kUnknownCommand);
    open_ = false;
    co_return;
  }
  // Nor can anybody tell where the next command is when the number can't be read.
  if (!command) {
    refuse(command.error());
    open_ = false;
    co_return;
  }
  refused_data_.end();  // the client knows that DATA was refused
  // Without octets it brings no mail: counted as any other command that does not.
  if (login_ && command->size == 0 && !command->last && !afford(smtp::Verb::kNoop)) co_return;
  if (refusal) {
    if (!co_await discard(*command)) co_return;
    // However many chunks of a message were sent behind a MAIL that failed, it is one mistake.
    co_return command->last ? refuse(*refusal) : decline(*refusal);
  }
  if (auto partial = partial_refusal()) {
    if (!co_await discard(*command)) co_return;
    co_return command->last ? conclude_early(std::move(*partial)) : say(*partial);
  }

  if (!transaction_->content) {
    const smtp::MailParameters& said = transaction_->envelope.parameters;
    transaction_->content =
        std::make_unique<Content>(context_.budget, config().message, gate_.settings, said.size);
    transaction_->content->watch(context_.deliverer.watched_fields());
    if (auto room = std::exchange(transaction_->room, std::nullopt)) {
      transaction_->content->adopt(std::move(*room));
    }
    transaction_->content->expect_chunks(said.body == smtp::BodyType::kBinarymime);
  }
  Content& content = *transaction_->content;
  content.begin_chunk(*command);
  const auto received = co_await receive(content);
  if (!received) co_return end(received.error());
  if (command->last) {
    // It outlives the transaction, as the body that it gives away wants.
    const auto whole = std::move(transaction_->content);
    co_return co_await submit(*whole);
  }
  co_await settle(content);
  // RFC 3030 section 2: chunks that follow a failed one are taken, and answered in the same way,
  // until the last one or RSET ends the transaction.
  if (const auto fault = content.refusal()) {
    say(*fault);
  } else {
    dialog_.say(replies::chunk_received(command->size));
  }
}

runtime::Task<bool> Session::discard(smtp::BdatCommand command) {
  Content content(context_.budget, config().message, gate_.settings, std::nullopt);
  content.discard();
  content.expect_chunks(false);
  content.begin_chunk(command);
  const auto received = co_await receive(content);
  if (!received) end(received.error());
  co_return received.has_value();
}

}  // namespace sallyport::submission
