/** The file of a calendar with a break at noon: a session in the morning, another one in the afternoon. */
export const TOKYO = `
name: XTKS
title: shares on the Tokyo Stock Exchange
zone: Asia/Tokyo
from: 2024-01-01
to: 2026-12-31
source: the exchange's list of business days
hours:
  - from: 2024-01-01
    sessions:
      - { days: mon-fri, from: 09:00, to: 11:30 }
      - { days: mon-fri, from: 12:30, to: 15:30 }
holidays:
  - { name: New Year, month: 1, day: 1 }
`;
