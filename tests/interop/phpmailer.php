<?php
// Sends two messages over one connection of PHPMailer's (SMTPKeepAlive), as a web application does.
// Arguments: PORT implicit|starttls CA-FILE USER SENDER RECIPIENT; the password is in the environment.
declare(strict_types=1);

require '/usr/share/php/libphp-phpmailer/src/Exception.php';
require '/usr/share/php/libphp-phpmailer/src/PHPMailer.php';
require '/usr/share/php/libphp-phpmailer/src/SMTP.php';

use PHPMailer\PHPMailer\PHPMailer;

[, $port, $tls, $ca, $user, $sender, $recipient] = $argv;
$mail = new PHPMailer(true);  // throws
$mail->isSMTP();
$mail->Host = 'localhost';
$mail->Port = (int) $port;
$mail->SMTPSecure = $tls === 'implicit' ? PHPMailer::ENCRYPTION_SMTPS : PHPMailer::ENCRYPTION_STARTTLS;
$mail->SMTPOptions = ['ssl' => ['cafile' => $ca]];
$mail->SMTPAuth = true;
$mail->Username = $user;
$mail->Password = getenv('SUBMISSION_PASSWORD');
$mail->SMTPKeepAlive = true;
$mail->CharSet = PHPMailer::CHARSET_UTF8;
$mail->setFrom($sender, 'Rechnungen Müller');
$mail->addAddress($recipient);
foreach (['8bit', 'quoted-printable'] as $encoding) {
    $mail->Encoding = $encoding;
    $mail->Subject = "Für Sie, als $encoding";
    $mail->Body = "Hello there.\n.\nÜber alles.\n";
    $mail->send();
}
$mail->smtpClose();
