"""Time orders (时间订单): a service is ordered, served and confirmed, and minutes pay for it."""
