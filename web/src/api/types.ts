/** The shapes of the HTTP API. Money is integer yen, instants are ISO 8601 UTC. Source: docs/openapi.yaml. */

export type OrderStatus = 'PENDING' | 'WAITING_PAYMENT' | 'PAID' | 'FAILED' | 'REFUNDED';

export interface Product {
  id: number;
  name: string;
  nameEn?: string;
  description: string;
  descriptionEn?: string;
  price: number;
  category: string;
  imageUrl: string;
  /** Pieces that can be bought now; never negative. */
  stock: number;
}

export interface Category {
  id: string;
  name: string;
  nameEn?: string;
  imageUrl: string;
  count: number;
}

export interface Suggestion {
  id: number;
  name: string;
}

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

export interface User {
  userId: string;
  email?: string | null;
  name?: string | null;
  expiresAt?: string;
}

export interface SessionStatus {
  authenticated: boolean;
  user?: User | null;
}

export interface OrderRequest {
  items: { productId: number; quantity: number }[];
  useBalance?: boolean;
}

export interface Payment {
  provider?: string;
  url: string;
  deeplink?: string | null;
  expiresAt: string;
}

export interface Channel {
  token: string;
  url: string;
  expiresAt: string;
}

export interface OrderCreated {
  orderNo: string;
  status: OrderStatus;
  amount: number;
  currency: string;
  /** Absent when there is nothing left to pay. */
  payment?: Payment | null;
  channel?: Channel | null;
}

export interface OrderLine {
  productId: number;
  name: string;
  unitPrice: number;
  quantity: number;
}

export interface TimelineEntry {
  at: string;
  event: string;
  detail?: unknown;
}

export interface Order {
  orderNo: string;
  status: OrderStatus;
  paymentStatus: string;
  amount: number;
  currency: string;
  failCode?: string | null;
  lines: OrderLine[];
  createdAt: string;
  expiresAt?: string | null;
  /** Grows with every change. */
  version: number;
  timeline: TimelineEntry[];
}

/** What the WebSocket tells of an order: less than {@link Order}, with the same meaning. */
export type OrderUpdate = Pick<Order, 'orderNo' | 'status' | 'version'> &
  Partial<Pick<Order, 'paymentStatus' | 'amount' | 'failCode' | 'expiresAt'>>;

export interface AccountEntry {
  id?: string;
  at: string;
  /** Yen; negative when it was spent. */
  amount: number;
  kind?: string;
  orderNo?: string | null;
}

export interface Account {
  balance: number;
  currency?: string;
  entries: AccountEntry[];
}
