// Sends COUNT messages through nodemailer's pool, as an application would: one transport for its whole life, HTML and an
// attachment, names beyond ASCII, and delivery status notifications asked for.
// Arguments: PORT implicit|starttls CA-FILE USER SENDER RECIPIENT COUNT; the password is in the environment.
"use strict";

const fs = require("fs");
const nodemailer = require("/usr/share/nodejs/nodemailer");

const [port, tls, ca, user, sender, recipient, count] = process.argv.slice(2);
const transport = nodemailer.createTransport({
  pool: true,
  maxConnections: 5,
  host: "localhost",
  port: Number(port),
  secure: tls === "implicit",
  requireTLS: true,
  tls: { ca: fs.readFileSync(ca) },
  auth: { user, pass: process.env.SUBMISSION_PASSWORD },
});

async function main() {
  await transport.verify();
  const sent = Array.from({ length: Number(count) }, (_, number) => transport.sendMail({
    from: { name: "Rechnungen Müller", address: sender },
    to: recipient,
    subject: `Nummer ${number} für Sie`,
    text: "Hello there.\n..\n.\nAn end.\n",
    html: "<p>Hello there.</p>",
    attachments: [{ filename: "übersicht.bin", content: Buffer.alloc(20000, number) }],
    dsn: { id: `envelope-${number}`, return: "headers", notify: ["failure", "delay"], recipient },
  }));
  for (const { rejected, response } of await Promise.all(sent)) {
    if (rejected.length !== 0 || !response.startsWith("250 2.")) throw new Error(response);
  }
  transport.close();
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
