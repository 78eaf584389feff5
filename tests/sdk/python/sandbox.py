"""The sandbox as these tests see it: PayPay's SDK as a merchant would set it up, and the buyer's side by plain HTTP."""

import contextlib
import io
import os
import unittest
import uuid
import warnings

import requests

with warnings.catch_warnings():
    # The SDK reads its version in a way that setuptools has deprecated.
    warnings.simplefilter("ignore")
    import paypayopa

SANDBOX = os.environ.get("SANDBOX_URL", "http://127.0.0.1:3001")
API = f"https://localhost:{os.environ.get('SANDBOX_TLS_PORT', '3002')}"
KEY = "kessai_sandbox_key"
SECRET = "kessai_sandbox_secret"
MERCHANT = "kessai-sandbox-merchant"


def yen(amount):
    return {"amount": amount, "currency": "JPY"}


def fresh():
    return str(uuid.uuid4())


def order(**change):
    request = {
        "merchantPaymentId": fresh(),
        "amount": yen(1200),
        "codeType": "ORDER_QR",
        "orderDescription": "食器 / Tableware",
        "orderItems": [
            {
                "name": "皿",
                "category": "kitchen",
                "quantity": 2,
                "productId": "7",
                "unitPrice": yen(600),
            }
        ],
        "redirectUrl": "https://shop.example/orders/1",
        "redirectType": "WEB_LINK",
        "isAuthorization": False,
    }
    request.update(change)
    return request


class SandboxTest(unittest.TestCase):
    """A merchant with PayPay's SDK, which returns an answer's body; `self.status` is the HTTP status of the last one."""

    maxDiff = None

    def setUp(self):
        self.status = None
        self.client = self.merchant()

    def merchant(self, key=KEY, secret=SECRET, merchant=MERCHANT):
        session = requests.Session()
        self.addCleanup(session.close)
        session.hooks["response"].append(self.answered)
        client = paypayopa.Client(session=session, auth=(key, secret), base_url=API)
        client.set_assume_merchant(merchant)
        return client

    def answered(self, response, **_):
        self.status = response.status_code

    def call(self, function, *arguments):
        """HTTP status and result code in one line, and the answer's data."""
        # The SDK prints an address to look up for each refusal.
        with contextlib.redirect_stdout(io.StringIO()):
            answer = function(*arguments)
        return f"{self.status} {answer['resultInfo']['code']}", answer["data"]

    def result(self, function, *arguments):
        return self.call(function, *arguments)[0]

    def created(self, **change):
        result, code = self.call(self.client.Code.create_qr_code, order(**change))
        self.assertEqual(result, "201 SUCCESS")
        return code

    def paid(self, **change):
        code = self.created(**change)
        _, decided = self.buyer(code, "approve")
        return {**code, "paymentId": decided["paymentId"]}

    def details(self, payment):
        result, data = self.call(
            self.client.Code.get_payment_details, payment["merchantPaymentId"]
        )
        self.assertEqual(result, "200 SUCCESS")
        return data

    @staticmethod
    def buyer(code, decision):
        """The buyer's phone: `approve` or `decline`."""
        url = f"{SANDBOX}/sandbox/codes/{code['codeId']}/{decision}"
        answer = requests.post(url, timeout=30)
        return answer.status_code, answer.json()

    def faults(self, payment, change):
        """Puts faults in force for one payment."""
        url = f"{SANDBOX}/sandbox/faults/{payment['merchantPaymentId']}"
        answer = requests.put(url, json=change, timeout=30)
        self.assertEqual(answer.status_code, 200)

    def refund(self, payment, amount, name=None):
        request = {
            "merchantRefundId": name or fresh(),
            "paymentId": payment["paymentId"],
            "amount": yen(amount),
            "reason": "返品",
        }
        return self.call(self.client.Payment.refund_payment, request)

    def capture(self, payment, amount, name=None):
        request = {
            "merchantPaymentId": payment["merchantPaymentId"],
            "merchantCaptureId": name or fresh(),
            "amount": yen(amount),
            "orderDescription": "発送済み / shipped",
        }
        return self.call(self.client.Payment.capture_payment, request)

    def revert(self, payment, name):
        request = {
            "merchantRevertId": name,
            "paymentId": payment["paymentId"],
            "reason": "在庫切れ",
        }
        return self.call(self.client.Payment.revert_payment, request)
