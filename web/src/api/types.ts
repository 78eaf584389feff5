/** The shapes of the HTTP API: money is integer yen, instants are ISO 8601 UTC. Generated from docs/openapi.yaml by `npm run generate`. */
import type { components } from './schema.gen';

type Schemas = components['schemas'];

export type Product = Schemas['Product'];
export type Category = Schemas['Category'];
export type Suggestion = Schemas['Suggestion'];
export type User = Schemas['User'];
export type SessionStatus = Schemas['SessionStatus'];
export type OrderStatus = Schemas['OrderStatus'];
export type FailCode = Schemas['FailCode'];
export type OrderRequest = Schemas['OrderRequest'];
export type OrderCreated = Schemas['OrderCreated'];
export type Payment = Schemas['Payment'];
export type OrderPayment = Schemas['OrderPayment'];
export type Channel = Schemas['Channel'];
export type OrderLine = Schemas['OrderLine'];
export type TimelineEntry = Schemas['TimelineEntry'];
export type Order = Schemas['Order'];
export type AccountEntry = Schemas['AccountEntry'];
export type Account = Schemas['Account'];
export type ProblemCode = Schemas['ProblemCode'];

export type SagaPhase = Schemas['SagaPhase'];
export type SagaStatus = Schemas['SagaStatus'];
export type SagaAction = Schemas['SagaAction'];
export type SagaError = Schemas['SagaError'];
export type SagaSummary = Schemas['SagaSummary'];
export type AlertStatus = Schemas['AlertStatus'];
export type AlertAction = Schemas['AlertAction'];
export type AlertSummary = Schemas['AlertSummary'];
export type Alert = Schemas['Alert'];
export type AlertPage = Schemas['AlertPage'];
export type SagaPage = Schemas['SagaPage'];
export type SagaState = Schemas['SagaState'];
export type SagaChild = Schemas['SagaChild'];
export type Saga = Schemas['Saga'];
export type SagaAudit = Schemas['SagaAudit'];
export type SagaStart = Schemas['SagaStart'];
export type RefundState = Schemas['RefundState'];
export type PaymentSummary = Schemas['PaymentSummary'];
export type PaymentAttempt = Schemas['PaymentAttempt'];
export type PaymentDetail = Schemas['PaymentDetail'];
export type RefundRequest = Schemas['RefundRequest'];
export type StateMachineSummary = Schemas['StateMachineSummary'];
export type StateMachine = Schemas['StateMachine'];
/** A state machine in the state language. */
export type Definition = StateMachine['definition'];

export interface Page<T> {
  items: T[];
  /** From 1. */
  page: number;
  size: number;
  total: number;
}

export interface CursorPage<T> {
  items: T[];
  nextCursor?: string | null;
}

/** What the WebSocket tells of an order: less than {@link Order}, with the same meaning. */
export type OrderUpdate = Pick<Order, 'orderNo' | 'status' | 'version'> &
  Partial<Pick<Order, 'paymentStatus' | 'amount' | 'failCode' | 'expiresAt'>>;
