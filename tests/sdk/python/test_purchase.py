"""A purchase from its code to its end, in each way that it can end; authorizations too."""

from sandbox import SandboxTest, fresh, yen


class Purchase(SandboxTest):
    def test_create_pay_read_refund_read_the_refund_delete_cancel(self):
        code = self.created()
        self.assertRegex(code["codeId"], r"^04-\w{16}$")
        self.assertRegex(code["deeplink"], "^paypay://")
        self.assertEqual(self.details(code)["status"], "CREATED")

        _, decided = self.buyer(code, "approve")
        self.assertEqual(decided["status"], "COMPLETED")
        payment = self.details(code)
        self.assertEqual(payment["status"], "COMPLETED")
        self.assertRegex(payment["paymentId"], r"^\d{20}$")
        self.assertEqual(payment["amount"], yen(1200))
        _, same = self.call(
            self.client.Payment.get_payment_details, code["merchantPaymentId"]
        )
        self.assertEqual(same, payment, "both addresses tell the same")

        name = fresh()
        result, refund = self.refund(payment, 1200, name)
        self.assertEqual((result, refund["status"]), ("201 SUCCESS", "CREATED"))
        result, refund = self.call(self.client.Payment.refund_details, name)
        self.assertEqual((result, refund["status"]), ("200 SUCCESS", "REFUNDED"))
        self.assertEqual((refund["amount"], refund["reason"]), (yen(1200), "返品"))
        self.assertEqual(self.details(code)["status"], "REFUNDED")

        deleted = self.result(self.client.Code.delete_qr_code, code["codeId"])
        self.assertEqual(deleted, "200 SUCCESS")
        self.assertEqual(self.details(code)["status"], "REFUNDED")
        canceled = self.result(
            self.client.Payment.cancel_payment, code["merchantPaymentId"]
        )
        self.assertEqual(canceled, "400 ORDER_NOT_REVERSIBLE")

    def test_a_payment_canceled_on_its_day_fails(self):
        payment = self.paid()
        for _ in range(2):
            canceled = self.result(
                self.client.Payment.cancel_payment, payment["merchantPaymentId"]
            )
            self.assertEqual(canceled, "202 REQUEST_ACCEPTED")
        self.assertEqual(self.details(payment)["status"], "FAILED")

    def test_a_cancel_before_the_payment_waits_for_the_buyer(self):
        code = self.created()
        canceled = self.result(
            self.client.Payment.cancel_payment, code["merchantPaymentId"]
        )
        self.assertEqual(canceled, "202 REQUEST_ACCEPTED")
        self.assertEqual(self.details(code)["status"], "CREATED")
        self.buyer(code, "approve")
        self.assertEqual(self.details(code)["status"], "FAILED")

    def test_a_deleted_code_cannot_be_paid_and_its_payment_stays_created(self):
        code = self.created()
        _, deleted = self.call(self.client.Code.delete_qr_code, code["codeId"])
        self.assertEqual(deleted, {"qrStatus": "DELETED"})
        self.assertEqual(self.buyer(code, "approve")[0], 409)
        self.assertEqual(self.details(code)["status"], "CREATED")

    def test_a_part_may_be_refunded_once(self):
        payment = self.paid()
        self.assertEqual(self.refund(payment, 1201)[0], "400 INVALID_PARAMS")
        self.assertEqual(self.refund(payment, 200)[0], "201 SUCCESS")
        self.assertEqual(
            self.refund(payment, 200)[0], "403 MERCHANT_MULTIPLE_REFUND_REJECTED"
        )


class Authorizations(SandboxTest):
    def test_an_authorization_is_captured_for_less_once(self):
        payment = self.paid(isAuthorization=True)
        self.assertEqual(self.details(payment)["status"], "AUTHORIZED")
        result, captured = self.capture(payment, 1000)
        self.assertEqual((result, captured["status"]), ("200 SUCCESS", "COMPLETED"))
        self.assertEqual(captured["amount"], yen(1000))
        self.assertEqual(self.capture(payment, 1000)[0], "400 ALREADY_CAPTURED")

    def test_more_than_was_authorized_takes_the_buyers_consent(self):
        payment = self.paid(isAuthorization=True)
        asked = self.capture(payment, 1300)
        self.assertEqual(asked, ("202 USER_CONFIRMATION_REQUIRED", None))
        _, agreed = self.buyer(payment, "approve")
        self.assertEqual(agreed["status"], "REAUTHORIZING")

    def test_an_authorization_is_reverted(self):
        payment = self.paid(isAuthorization=True)
        result, reverted = self.revert(payment, "v-1")
        self.assertEqual((result, reverted["status"]), ("200 SUCCESS", "CANCELED"))
        self.assertEqual(self.details(payment)["status"], "CANCELED")
        self.assertEqual(self.revert(payment, "v-2")[0], "400 ORDER_NOT_CANCELABLE")
        self.assertEqual(self.capture(payment, 1)[0], "400 ORDER_NOT_CAPTURABLE")
