"""What is refused, with the documented HTTP statuses and result codes."""

import datetime
from unittest import mock

from sandbox import SandboxTest, fresh, order, yen


class Refusals(SandboxTest):
    def test_a_signature_that_is_not_the_merchants_is_refused(self):
        for change in ({"secret": "wrong"}, {"key": "wrong"}):
            client = self.merchant(**change)
            refused = self.call(client.Code.create_qr_code, order())
            self.assertEqual(refused, ("401 UNAUTHORIZED", None))

    def test_a_clock_more_than_two_minutes_off_is_refused(self):
        for seconds, expected in (
            (-125, "401 UNAUTHORIZED"),
            (125, "401 UNAUTHORIZED"),
            (90, "201 SUCCESS"),
        ):
            shifted = datetime.datetime.now() + datetime.timedelta(seconds=seconds)
            with mock.patch("paypayopa.client.datetime") as clock:
                clock.datetime.now.return_value = shifted
                result = self.result(self.client.Code.create_qr_code, order())
            self.assertEqual(result, expected, f"{seconds} s")

    def test_another_merchants_name_is_refused_and_none_is_needed(self):
        other = self.merchant(merchant="another")
        self.assertEqual(
            self.result(other.Code.create_qr_code, order()), "404 OPA_CLIENT_NOT_FOUND"
        )
        nobody = self.merchant(merchant=None)
        self.assertEqual(
            self.result(nobody.Code.create_qr_code, order()), "201 SUCCESS"
        )

    def test_a_merchant_payment_id_works_once_for_ever(self):
        code = self.created()
        self.call(self.client.Code.delete_qr_code, code["codeId"])
        again = order(merchantPaymentId=code["merchantPaymentId"])
        self.assertEqual(
            self.result(self.client.Code.create_qr_code, again),
            "400 DUPLICATE_DYNAMIC_QR_REQUEST",
        )

    def test_fields_that_are_missing_or_wrong_are_told_apart(self):
        for change, expected in (
            ({"codeType": None}, "400 MISSING_REQUEST_PARAMS"),
            ({"codeType": "USER_QR"}, "400 INVALID_REQUEST_PARAMS"),
            ({"amount": {"amount": 1, "currency": "USD"}}, "400 INVALID_REQUEST_PARAMS"),
            ({"amount": yen(0)}, "400 INVALID_REQUEST_PARAMS"),
            ({"merchantPaymentId": "x" * 65}, "400 INVALID_REQUEST_PARAMS"),
            ({"requestedAt": "now"}, "400 INVALID_REQUEST_PARAMS"),
        ):
            with self.subTest(change):
                result = self.result(self.client.Code.create_qr_code, order(**change))
                self.assertEqual(result, expected)

    def test_what_does_not_exist_is_not_found(self):
        none = {"merchantPaymentId": fresh(), "paymentId": "1"}
        name = none["merchantPaymentId"]
        payment, code = self.client.Payment, self.client.Code
        for function, expected in (
            (code.get_payment_details, "404 DYNAMIC_QR_PAYMENT_NOT_FOUND"),
            (payment.get_payment_details, "404 DYNAMIC_QR_PAYMENT_NOT_FOUND"),
            (code.delete_qr_code, "404 DYNAMIC_QR_NOT_FOUND"),
            (payment.cancel_payment, "404 DYNAMIC_QR_PAYMENT_NOT_FOUND"),
            (payment.refund_details, "404 NO_SUCH_REFUND_ORDER"),
        ):
            self.assertEqual(self.result(function, name), expected)
        self.assertEqual(self.refund(none, 1)[0], "404 RESOURCE_NOT_FOUND")
        self.assertEqual(self.capture(none, 1)[0], "404 RESOURCE_NOT_FOUND")
        self.assertEqual(self.revert(none, "v")[0], "404 RESOURCE_NOT_FOUND")

    def test_paypays_own_troubles_have_their_codes(self):
        payment = self.paid()
        read = self.client.Code.get_payment_details
        for change, expected in (
            ({"api": {"rateLimitRate": 1}}, "429 RATE_LIMIT"),
            ({"api": {"rateLimitRate": 0, "errorRate": 1}}, "500 INTERNAL_SERVER_ERROR"),
            ({"api": None, "maintenance": True}, "503 MAINTENANCE_MODE"),
        ):
            self.faults(payment, change)
            self.assertEqual(self.result(read, payment["merchantPaymentId"]), expected)
        self.faults(payment, {"maintenance": False, "buyerGone": True})
        self.assertEqual(self.refund(payment, 1)[0], "400 CANCELED_USER")
